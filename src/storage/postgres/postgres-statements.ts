/**
 * The SQL statements of the Postgres store.
 *
 * Entries are packed into one `bytea` a page, because a row for each costs both sides several times its contents.
 */
import type { TableNames } from './migrations.js';

/** An entry in the format of packed-entries.ts. */
const PACKED = `float8send(expires_at) || int8send(state) || int4send(octet_length(coalesce(whole_key, id))) || coalesce(whole_key, id)`;

/** The server's current state: when it was started, and which transactions are visible. */
const CURSOR = `extract(epoch FROM pg_postmaster_start_time())::text || ' ' || pg_current_snapshot()::text`;

const COLUMNS = 'id, whole_key, version, state, expires_at, subject, whole_subject, data';

export const statements = ({ records }: Pick<TableNames, 'records'>) => ({
  /** The extent of the visible rows: the file, and its number of blocks. */
  extent: `SELECT ${CURSOR} AS cursor, pg_relation_filenode('${records}')::text AS file,
    (pg_relation_size('${records}') / current_setting('block_size')::bigint)::float8 AS blocks`,

  /** By position, block by block: ordered by id, each row would be read from another block. */
  entries: `
    SELECT string_agg(${PACKED}, '') AS packed, pg_relation_filenode('${records}')::text AS file
    FROM ${records} WHERE ctid >= $1 AND ctid < $2`,

  get: `SELECT ${COLUMNS} FROM ${records} WHERE id = ANY($1::bytea[])`,

  bySubject: `SELECT ${COLUMNS} FROM ${records} WHERE subject = $1 AND id > $2 ORDER BY id LIMIT $3`,

  expired: `SELECT ${COLUMNS} FROM ${records} WHERE expires_at < $1 AND expires_at < 'Infinity'
    ORDER BY expires_at, id LIMIT $2`,

  /**
   * Each row is independent: a row with another version is left out of the answer; so is one with another expiry,
   * because a row that was removed on expiry and added again by another process counts its versions from 1 again.
   */
  write: `
    WITH input AS MATERIALIZED (
      SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[], $5::float8[], $6::bytea[], $7::bytea[],
        $8::text[], $9::float8[])
        AS each (id, whole_key, replaces, state, expires_at, subject, whole_subject, data, replaces_expiry)
    ), added AS (
      INSERT INTO ${records} (${COLUMNS}, changed_by)
      SELECT id, whole_key, 1, state, expires_at, subject, whole_subject, data, pg_current_xact_id()
      FROM input WHERE replaces = 0 ORDER BY id
      ON CONFLICT (id) DO NOTHING RETURNING id, version
    ), replaced AS (
      UPDATE ${records} AS there SET version = there.version + 1, state = input.state, expires_at = input.expires_at,
        subject = input.subject, whole_subject = input.whole_subject, data = input.data, changed_by = pg_current_xact_id()
      FROM input WHERE there.id = input.id AND input.replaces > 0 AND there.version = input.replaces
        AND (input.replaces_expiry IS NULL OR there.expires_at = input.replaces_expiry)
      RETURNING there.id, there.version
    )
    SELECT id, version, pg_notify($10, '') FROM (SELECT * FROM added UNION ALL SELECT * FROM replaced) AS written`,

  remove: `
    WITH input AS MATERIALIZED (SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::float8[]) AS each (id, version, expires_at)),
    gone AS (
      DELETE FROM ${records} AS there USING input
      WHERE there.id = input.id AND there.version = input.version
        AND (input.expires_at IS NULL OR there.expires_at = input.expires_at)
      RETURNING 1
    )
    SELECT count(*)::float8 AS count FROM gone`,

  /**
   * Rows that the previous request can't have seen: of transactions that were still running then, or have begun since.
   * A sequence would not do, because its numbers are assigned before the commit. After a restart of the server, or on
   * another one, transactions may be numbered differently: then `are_all` is false, as it is if there are more rows
   * than one answer may have.
   */
  changes: `
    WITH since AS MATERIALIZED (
      SELECT $2::pg_snapshot AS seen WHERE extract(epoch FROM pg_postmaster_start_time())::text = $1
    ), changed AS MATERIALIZED (
      SELECT id, whole_key, state, expires_at FROM ${records}, since
      WHERE changed_by >= pg_snapshot_xmin(seen) AND NOT pg_visible_in_snapshot(changed_by, seen) LIMIT $3::bigint + 1
    ), known AS MATERIALIZED (
      SELECT EXISTS (SELECT FROM since) AND (SELECT count(*) FROM changed) <= $3::bigint AS are_all
    )
    SELECT ${CURSOR} AS cursor, are_all, CASE WHEN are_all THEN (SELECT string_agg(${PACKED}, '') FROM changed) END AS packed
    FROM known`,
});
