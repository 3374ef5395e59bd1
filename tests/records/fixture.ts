import {
  boolean,
  currency,
  date,
  datetime,
  id,
  integer,
  integerId,
  json,
  multipicklist,
  number,
  picklist,
  reference,
  text,
} from '../../packages/millrace/src/records/object/field.ts'
import { defineObject } from '../../packages/millrace/src/records/object/define-object.ts'
import { Schema } from '../../packages/millrace/src/records/object/schema.ts'

/** The objects of the differential suite: a small sales organisation, with a field of every type, and one folder per tenant. */

export const User = defineObject({
  name: 'User',
  table: 'app_users',
  fields: {
    Id: id({ column: 'id' }),
    Name: text({ column: 'full_name', required: true }),
    Username: text({ column: 'user_name', unique: true, externalId: true }),
    IsActive: boolean({ column: 'is_active' }),
    ManagerId: reference('User', {
      column: 'manager_id',
      relationship: 'Manager',
      children: 'DirectReports',
    }),
  },
})

export const Account = defineObject({
  name: 'Account',
  table: 'accounts',
  owner: 'OwnerId',
  fields: {
    Id: id({ column: 'id' }),
    Name: text({ column: 'name', length: 255 }),
    Industry: picklist(
      [
        { value: 'Technology', label: 'Tech & Software' },
        { value: 'Banking', label: 'Banks' },
        { value: 'agriculture', label: 'Farms' },
        { value: 'Energy', label: 'Energy' },
      ],
      { column: 'industry' },
    ),
    Rating: picklist(['Hot', 'Warm', 'Cold'], { column: 'rating' }),
    BillingCity: text({ column: 'billing_city' }),
    BillingCountry: text({ column: 'billing_country' }),
    Description: text({ column: 'description' }),
    AnnualRevenue: currency({ column: 'annual_revenue', scale: 2 }),
    NumberOfEmployees: integer({ column: 'employees' }),
    Score__c: number({ column: 'score' }),
    Active__c: boolean({ column: 'active' }),
    Founded__c: date({ column: 'founded' }),
    CreatedDate: datetime({ column: 'created_at' }),
    Tags__c: multipicklist(['Red', 'Green', 'blue', 'X-Ray'], { column: 'tags' }),
    Code__c: text({ column: 'code', caseSensitive: true, unique: true }),
    Meta__c: json({ column: 'meta' }),
    OwnerId: reference('User', { column: 'owner_id', children: 'OwnedAccounts' }),
    ParentId: reference('Account', { column: 'parent_id', children: 'ChildAccounts' }),
  },
})

export const Contact = defineObject({
  name: 'Contact',
  table: 'contacts',
  owner: 'OwnerId',
  fields: {
    Id: id({ column: 'id' }),
    FirstName: text({ column: 'first_name' }),
    LastName: text({ column: 'last_name' }),
    Email: text({ column: 'email' }),
    Birthdate: date({ column: 'birthdate' }),
    DoNotCall: boolean({ column: 'do_not_call' }),
    LastSeen__c: datetime({ column: 'last_seen', storedAs: 'epochMs' }),
    AccountId: reference('Account', { column: 'account_id', children: 'Contacts' }),
    OwnerId: reference('User', { column: 'owner_id' }),
    ReportsToId: reference('Contact', { column: 'reports_to', children: 'Reports' }),
  },
})

export const Opportunity = defineObject({
  name: 'Opportunity',
  table: 'opportunities',
  owner: 'OwnerId',
  fields: {
    Id: id({ column: 'id' }),
    Name: text({ column: 'name' }),
    StageName: picklist(['Prospecting', 'Negotiation', 'Closed Won', 'Closed Lost'], { column: 'stage' }),
    LeadSource: picklist(['Web', 'Phone', 'Partner'], { column: 'lead_source' }),
    Amount: currency({ column: 'amount', scale: 2 }),
    Probability: number({ column: 'probability' }),
    CloseDate: date({ column: 'close_date' }),
    IsClosed: boolean({ column: 'is_closed' }),
    CreatedDate: datetime({ column: 'created_at', storedAs: 'epochSeconds' }),
    AccountId: reference('Account', { column: 'account_id', children: 'Opportunities' }),
    OwnerId: reference('User', { column: 'owner_id' }),
  },
})

export const OpportunityLineItem = defineObject({
  name: 'OpportunityLineItem',
  table: 'line_items',
  fields: {
    Id: integerId({ column: 'id' }),
    OpportunityId: reference('Opportunity', { column: 'opportunity_id', children: 'OpportunityLineItems' }),
    Product__c: text({ column: 'product' }),
    Quantity: integer({ column: 'quantity' }),
    UnitPrice: number({ column: 'unit_price' }),
    ServiceDate: date({ column: 'service_date' }),
  },
})

export const Case = defineObject({
  name: 'Case',
  table: 'support_cases',
  softDelete: 'IsDeleted',
  owner: 'OwnerId',
  fields: {
    Id: id({ column: 'id' }),
    Name: text({ column: 'case_number' }),
    Subject: text({ column: 'subject' }),
    Status: picklist(['New', 'Working', 'Closed'], { column: 'status' }),
    Priority: picklist(['High', 'Medium', 'Low'], { column: 'priority' }),
    ClosedDate: datetime({ column: 'closed_at' }),
    CreatedDate: datetime({ column: 'created_at' }),
    IsDeleted: boolean({ column: 'is_deleted' }),
    AccountId: reference('Account', { column: 'account_id', children: 'Cases' }),
    ContactId: reference('Contact', { column: 'contact_id', children: 'Cases' }),
    OwnerId: reference('User', { column: 'owner_id' }),
  },
})

export const CaseComment = defineObject({
  name: 'CaseComment',
  table: 'case_comments',
  softDelete: 'DeletedAt__c',
  fields: {
    Id: id({ column: 'id' }),
    Body: text({ column: 'body' }),
    DeletedAt__c: datetime({ column: 'deleted_at' }),
    ParentId: reference('Case', { column: 'case_id', children: 'CaseComments' }),
  },
})

export const Task = defineObject({
  name: 'Task',
  table: 'tasks',
  owner: 'OwnerId',
  fields: {
    Id: id({ column: 'id' }),
    Subject: text({ column: 'subject' }),
    ActivityDate: date({ column: 'activity_date' }),
    IsClosed: boolean({ column: 'is_closed' }),
    WhatId: reference(['Account', 'Opportunity', 'Case'], {
      column: 'what_id',
      typeColumn: 'what_type',
      children: 'Tasks',
    }),
    WhoId: reference('Contact', { column: 'who_id', children: 'Tasks' }),
    OwnerId: reference('User', { column: 'owner_id' }),
  },
})

export const Folder = defineObject({
  name: 'Folder',
  table: 'folders',
  tenant: 'Tenant__c',
  fields: {
    Id: id({ column: 'id' }),
    Tenant__c: text({ column: 'tenant' }),
    Name: text({ column: 'name' }),
    ParentId: reference('Folder', { column: 'parent_id', children: 'Folders' }),
  },
})

export const Secret = defineObject({
  name: 'Secret',
  table: 'secrets',
  tenant: 'Tenant__c',
  fields: {
    Id: id({ column: 'id' }),
    Tenant__c: text({ column: 'tenant' }),
    Name: text({ column: 'name' }),
    Value__c: number({ column: 'value' }),
    FolderId: reference('Folder', { column: 'folder_id', children: 'Secrets' }),
    AccountId: reference('Account', { column: 'account_id', children: 'Secrets' }),
    AboutId: reference(['Folder', 'Secret', 'Account'], {
      column: 'about_id',
      typeColumn: 'about_type',
      children: 'Notes',
    }),
  },
})

export const objects = [
  ...[User, Account, Contact, Opportunity, OpportunityLineItem, Case, CaseComment, Task, Folder, Secret],
]

export const schema = new Schema(objects)

export const tenants = ['acme', 'globex'] as const
/** A text that stands in every text field of a tenant's rows, and nowhere else. */
export const markerOf = (tenant: string): string => `marker-of-${tenant}`
