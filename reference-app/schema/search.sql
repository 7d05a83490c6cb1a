create table search_documents (
  kind text not null,
  ref_id bigint not null,
  title text not null,
  words tsvector not null generated always as (to_tsvector('simple', title)) stored
);

insert into search_documents (kind, ref_id, title)
select 'course', id, title from courses
union all
select 'item', id, title from content_items
order by 1, 2;

alter table search_documents add primary key (kind, ref_id);
create index search_documents_words_idx on search_documents using gin (words);
