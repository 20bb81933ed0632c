create table account (id bigint generated always as identity primary key, owner text not null);
create table welcome (job_id bigint primary key, account_id bigint not null);
