// Names of the players that the map shows. Pure.

import type {PlayerList} from './types';

/** As many as one answer has. */
const PAGE = 500;

/** Reads the list page by page until all wanted entities have a name or it ends. Null: nobody new is wanted. */
export async function namesOf(
  wanted: Set<number>,
  known: ReadonlyMap<number, string>,
  list: (offset: number, limit: number) => Promise<PlayerList>,
): Promise<Map<number, string> | null> {
  const missing = new Set([...wanted].filter((entity) => !known.has(entity)));
  if (missing.size === 0) return null;
  // Those that are not seen any more are forgotten.
  const names = new Map([...known].filter(([entity]) => wanted.has(entity)));
  for (let offset = 0; missing.size > 0; offset += PAGE) {
    const {players, matched} = await list(offset, PAGE);
    for (const {entity, name} of players) {
      if (missing.delete(Number(entity))) names.set(Number(entity), name);
    }
    if (offset + PAGE >= matched) break;
  }
  return names;
}
