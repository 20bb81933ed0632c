-- Something to look at in an empty database.

insert into account (name, balance)
select * from (values
    ('ada',     50000::bigint),
    ('grace',   50000),
    ('edsger',  20000),
    ('barbara',   500)
) as seed
where not exists (select from account);

insert into show (title, starts_at, price, seats)
select * from (values
    ('The Winter''s Tale', timestamptz '2030-01-10 19:30+00', 2500::bigint, 40),
    ('The Comedy of Errors', timestamptz '2030-02-14 20:00+00', 1800, 120),
    ('Much Ado About Nothing', timestamptz '2030-03-21 18:00+00', 3200, 12)
) as seed
where not exists (select from show);
