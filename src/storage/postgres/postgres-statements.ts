/**
 * What the Postgres store says to the server.
 *
 * Entries come packed into one `bytea` a page, because a row of its own costs both sides several times what is in it.
 */
import type { TableNames } from './migrations.js';

/** An entry, as packed-entries.ts has it. */
const PACKED = `float8send(expires_at) || int8send(state) || int4send(octet_length(coalesce(whole_key, id))) || coalesce(whole_key, id)`;

/** The server as it is now: since when it runs, and which transactions are seen. */
const CURSOR = `extract(epoch FROM pg_postmaster_start_time())::text || ' ' || pg_current_snapshot()::text`;

const COLUMNS = 'id, whole_key, version, state, expires_at, subject, whole_subject, data';

export const statements = ({ records }: Pick<TableNames, 'records'>) => ({
  /** Where the rows lie that anybody can see by now: the file, and how many blocks it has. */
  extent: `SELECT ${CURSOR} AS cursor, pg_relation_filenode('${records}')::text AS file,
    (pg_relation_size('${records}') / current_setting('block_size')::bigint)::float8 AS blocks`,

  /** By where they lie, block by block: by their ids, each would be read from another place. */
  entries: `
    SELECT string_agg(${PACKED}, '') AS packed, pg_relation_filenode('${records}')::text AS file
    FROM ${records} WHERE ctid >= $1 AND ctid < $2`,

  get: `SELECT ${COLUMNS} FROM ${records} WHERE id = ANY($1::bytea[])`,

  bySubject: `SELECT ${COLUMNS} FROM ${records} WHERE subject = $1 AND id > $2 ORDER BY id LIMIT $3`,

  expired: `SELECT ${COLUMNS} FROM ${records} WHERE expires_at < $1 AND expires_at < 'Infinity'
    ORDER BY expires_at, id LIMIT $2`,

  /**
   * Each row by itself: those whose version is another are left out of the answer; or whose expiry is, as a row that was
   * removed when it had expired, and made anew by another process, counts its versions anew.
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
   * Rows that the look before this one can't have seen: what was still running then, or has begun since. Numbers of a
   * sequence would not do, since they are given out before the commit. After a restart of the server, or on another
   * one, transactions may have been counted otherwise: then it says that these are not all, as it does if there are more
   * of them than one answer is to have.
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
