// When a recording was made: as somebody says, or as its file does; pure.

import { t } from '../../texts/texts.js'

const EARLIEST = 1860 // as for the server: no sound was recorded before

/**
 * What is wrong with a date and time as somebody wrote it.
 *
 * @param {string} given as a field of dates has it, of where the reader is; empty where nothing was written
 * @param {number} now milliseconds since 1970
 * @returns {string} for the reader; nothing where it is well
 */
export function dateProblem(given, now) {
  if (!given) return ''
  const date = new Date(given)
  return date.getTime() <= now && date.getFullYear() >= EARLIEST ? '' : t('dating.wrong')
}

/**
 * When a recording was made, for the server: as was said, else when its file was last changed, where that can be.
 *
 * @param {string} given as above
 * @param {number} modified milliseconds since 1970; 0 where the browser does not know
 * @param {number} now milliseconds since 1970
 * @returns {{ recorded_at?: string }}
 */
export function dated(given, modified, now) {
  if (given) return { recorded_at: new Date(given).toISOString() }
  return modified > 0 && modified <= now ? { recorded_at: new Date(modified).toISOString() } : {}
}
