import { datetime, defineObject, id, integer, picklist, reference, text, type RecordOf } from 'millrace'

/** The objects that the standards document queries, in its words. */

export const Account = defineObject({
  name: 'Account',
  table: 'account',
  modifiedAt: 'LastModifiedDate',
  fields: {
    Id: id(),
    Name: text({ required: true, length: 255 }),
    Industry: picklist(['Energy', 'Finance', 'Media']),
    Status__c: text(),
    LastModifiedDate: datetime(),
  },
})

export const MassActionConfiguration = defineObject({
  name: 'Mass_Action_Configuration__c',
  fields: { Id: id(), Name: text({ required: true }) },
})

export const MassActionLog = defineObject({
  name: 'Mass_Action_Log__c',
  fields: {
    Id: id(),
    Mass_Action_Configuration__c: reference('Mass_Action_Configuration__c', { children: 'Logs__r' }),
    Job_ID__c: text({ caseSensitive: true }),
    Submitted_Date__c: datetime(),
    Total_Batches__c: integer(),
    Processed_Batches__c: integer(),
    Message__c: text(),
  },
})
export type MassActionLog = RecordOf<typeof MassActionLog>
