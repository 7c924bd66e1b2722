/** Finds out who else can write to a directory or replace it: they could replace the files in it. */
import { statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';

const BY_GROUP = 0o020;
const BY_OTHERS = 0o002;
/** In such a directory (`/tmp`) users cannot move or remove each other's files, but anyone can add one. */
const STICKY = 0o1000;

/**
 * Names a user or group, other than this process' user and root, that can write to this directory or replace it;
 * undefined if there is none. It checks the owner, the groups that this process is not in, and all others: of the
 * directory, and of each one above it. In a sticky directory above it only the owner can move an entry. Access-control
 * lists are not read. Undefined on Windows, which has no modes.
 *
 * @throws errors of the file system unchanged
 */
export const whoElseWrites = (directory: string): string | undefined => {
  const user = process.geteuid?.();
  if (user === undefined) return undefined;
  for (let at = directory; ; at = dirname(at)) {
    const found = statSync(at);
    const isAbove = at !== directory;
    if (found.uid !== 0 && found.uid !== user) {
      return isAbove ? `the user ${found.uid}, who owns ${at}` : `its owner, the user ${found.uid}`;
    }
    const isMovable = !isAbove || (found.mode & STICKY) === 0;
    const who = isMovable ? writersBesideOwner(found) : undefined;
    if (who !== undefined) return isAbove ? `${who}, by way of ${at}` : who;
    if (at === dirname(at)) return undefined;
  }
};

const writersBesideOwner = (found: Stats): string | undefined => {
  const mode = `mode ${(found.mode & 0o7777).toString(8)}`;
  if ((found.mode & BY_OTHERS) !== 0) return `everybody (${mode})`;
  if ((found.mode & BY_GROUP) !== 0 && !isOwnGroup(found)) return `the group ${found.gid} (${mode})`;
  return undefined;
};

const isOwnGroup = ({ gid }: Stats): boolean =>
  process.getegid?.() === gid || process.getgroups?.().includes(gid) === true;
