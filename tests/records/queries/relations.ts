import type { QueryGroup } from './query-case.ts'

export const children: QueryGroup = [
  'SELECT Id, (SELECT Id FROM Contacts) FROM Account',
  'SELECT Id, (SELECT Id, LastName FROM Contacts ORDER BY LastName, Id) FROM Account',
  "SELECT Id, (SELECT Id FROM Contacts WHERE LastName LIKE '%a%') FROM Account",
  'SELECT Id, (SELECT Id FROM Contacts ORDER BY Id LIMIT 2) FROM Account',
  'SELECT Id, (SELECT Id FROM Contacts ORDER BY Id DESC LIMIT 1) FROM Account ORDER BY Id LIMIT 20',
  'SELECT Id, (SELECT Id FROM Contacts), (SELECT Id, Amount FROM Opportunities) FROM Account',
  'SELECT Id, (SELECT Id, Account.Name, Owner.Name FROM Contacts) FROM Account',
  'SELECT Id, (SELECT Id, ReportsTo.LastName FROM Contacts) FROM Account',
  'SELECT Id, (SELECT Id FROM ChildAccounts) FROM Account',
  'SELECT Id, (SELECT Id FROM Cases) FROM Account',
  'SELECT Id, (SELECT Id FROM Cases) FROM Account ALL ROWS',
  'SELECT Id, (SELECT Id, Body FROM CaseComments) FROM Case',
  'SELECT Id, (SELECT Id FROM Tasks) FROM Account',
  'SELECT Id, (SELECT Id, What.Name FROM Tasks) FROM Opportunity',
  'SELECT Id, (SELECT Id FROM DirectReports) FROM User',
  'SELECT Id, (SELECT Id, Quantity FROM OpportunityLineItems ORDER BY Id) FROM Opportunity WHERE Amount > 0',
  'SELECT Id, (SELECT CloseDate, Amount FROM Opportunities ORDER BY CloseDate DESC NULLS LAST, Id LIMIT 3) FROM Account WHERE Id IN (SELECT AccountId FROM Opportunity)',
  'SELECT Id, (SELECT Id, CreatedDate FROM Opportunities WHERE CreatedDate >= THIS_YEAR) FROM Account',
  'SELECT a.Id, (SELECT c.Id FROM a.Contacts c) FROM Account a',
  'SELECT Name, (SELECT Tags__c, Meta__c, Active__c, Founded__c, AnnualRevenue FROM OwnedAccounts ORDER BY Id) FROM User ORDER BY Id',
  {
    soql: 'SELECT Id, (SELECT Id FROM Contacts WHERE FirstName = :name) FROM Account',
    binds: { name: 'ANNA' },
  },
]

export const polymorphic: QueryGroup = [
  'SELECT Id, What.Name FROM Task',
  'SELECT Id, What.Type FROM Task',
  "SELECT Id FROM Task WHERE What.Type = 'Account'",
  "SELECT Id FROM Task WHERE What.Type IN ('Account', 'Case')",
  "SELECT Id FROM Task WHERE What.Type != 'Account'",
  'SELECT Id FROM Task WHERE What.Type = null',
  "SELECT Id FROM Task WHERE What.Name LIKE 'a%'",
  'SELECT Id FROM Task WHERE WhatId = null',
  "SELECT Id FROM Task WHERE WhatId IN ('a00001', 'o00002', 'k00003')",
  'SELECT Id, What.Name FROM Task ORDER BY What.Name, Id',
  'SELECT What.Type, COUNT(Id) n FROM Task GROUP BY What.Type',
  'SELECT TYPEOF What WHEN Account THEN Name, Industry WHEN Opportunity THEN Amount, CloseDate ELSE Name END FROM Task',
  'SELECT Id, TYPEOF What WHEN Account THEN Name, AnnualRevenue, OwnerId END FROM Task',
  'SELECT Id, TYPEOF What WHEN Opportunity THEN Amount, AccountId WHEN Case THEN Subject ELSE Id END FROM Task ORDER BY Id LIMIT 30',
  "SELECT TYPEOF What WHEN Account THEN Name, Tags__c, CreatedDate END, Subject FROM Task WHERE What.Type = 'Account'",
]

const ada = 'u00000'
const edsger = 'u00003'
export const scopes: QueryGroup = [
  { soql: 'SELECT Id FROM Account USING SCOPE mine', user: ada },
  { soql: 'SELECT Id FROM Account USING SCOPE everything', user: ada },
  { soql: "SELECT Id FROM Opportunity USING SCOPE Mine WHERE StageName = 'Closed Won'", user: edsger },
  { soql: 'SELECT COUNT() FROM Contact USING SCOPE MINE', user: edsger },
  { soql: 'SELECT OwnerId, COUNT(Id) n FROM Case USING SCOPE mine GROUP BY OwnerId', user: ada },
  { soql: 'SELECT Id FROM Case USING SCOPE mine ALL ROWS', user: ada },
  { soql: 'SELECT Id, Name FROM Account WITH USER_MODE', user: ada },
  { soql: 'SELECT Id, Owner.Name, (SELECT Id FROM Contacts) FROM Account WITH SECURITY_ENFORCED', user: ada },
  { soql: 'SELECT Id, Name FROM Account WITH SYSTEM_MODE', user: ada },
  { soql: "SELECT Id FROM Account WHERE Rating = 'Hot' WITH USER_MODE ORDER BY Id LIMIT 3", user: ada },
  'SELECT Id, Name FROM Account WITH USER_MODE',
  'SELECT Id, Name FROM Account WITH SECURITY_ENFORCED',
]

export const deleted: QueryGroup = [
  'SELECT Id FROM Case',
  'SELECT Id, IsDeleted FROM Case ALL ROWS',
  'SELECT Id FROM Case WHERE IsDeleted = true',
  'SELECT Id FROM Case WHERE IsDeleted = true ALL ROWS',
  'SELECT Id FROM Case WHERE IsDeleted = false ALL ROWS',
  'SELECT Id FROM CaseComment',
  'SELECT Id, DeletedAt__c FROM CaseComment ALL ROWS',
  'SELECT Id, (SELECT Id FROM CaseComments) FROM Case ALL ROWS',
  'SELECT Id FROM Case WHERE Id IN (SELECT ParentId FROM CaseComment)',
  'SELECT Id FROM Case WHERE Id NOT IN (SELECT ParentId FROM CaseComment) ALL ROWS',
  'SELECT Id, Parent.Subject FROM CaseComment',
  'SELECT Id, Parent.Subject FROM CaseComment ALL ROWS',
  'SELECT Status, COUNT(Id) n FROM Case GROUP BY Status',
  'SELECT Status, COUNT(Id) n FROM Case GROUP BY Status ALL ROWS',
  'SELECT Id, (SELECT Id FROM Cases) FROM Contact',
]

const secretsOf = [
  'SELECT Id, Name FROM Secret',
  'SELECT Id, Tenant__c, Folder.Name, Folder.Parent.Name FROM Secret',
  'SELECT Id, Name, (SELECT Id, Name FROM Secrets), (SELECT Name FROM Folders) FROM Folder',
  'SELECT Id, (SELECT Id, Name FROM Secrets) FROM Account',
  'SELECT Id, About.Name FROM Secret',
  'SELECT Id, TYPEOF About WHEN Folder THEN Name, ParentId WHEN Secret THEN Name, Value__c ELSE Name END FROM Secret',
  'SELECT Id, (SELECT Id, Name FROM Notes) FROM Folder',
  'SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Secret WHERE Value__c > 25)',
  'SELECT Id FROM Account WHERE Id NOT IN (SELECT AccountId FROM Secret)',
  'SELECT Id FROM Secret WHERE FolderId IN (SELECT ParentId FROM Folder)',
  'SELECT Folder.Name n, COUNT(Id) c, SUM(Value__c) s, MAX(Name) m FROM Secret GROUP BY Folder.Name',
  'SELECT COUNT(Id), MIN(Name), MAX(Value__c) FROM Secret',
  'SELECT COUNT() FROM Secret',
  "SELECT Id FROM Secret WHERE Tenant__c = 'globex' OR Name LIKE '%marker-of-globex%'",
  "SELECT Id FROM Secret WHERE NOT Tenant__c = 'acme'",
  "SELECT Id FROM Secret WHERE Folder.Tenant__c != 'acme'",
  'SELECT Id FROM Secret ORDER BY Folder.Name, Name, Id LIMIT 10',
  'SELECT Id, Name FROM Secret ALL ROWS',
]
export const tenancy: QueryGroup = ['acme', 'globex', 'nobody'].flatMap((tenant) =>
  secretsOf.map((soql) => ({ soql, tenant })),
)
