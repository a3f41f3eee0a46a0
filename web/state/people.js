// How many people will speak, as somebody writes it into a field; pure.

import { t } from '../texts/texts.js'

const MOST = 100

/**
 * "4", "2-5", "2 – 5", "2 to 5", "2 bis 5", or nothing.
 *
 * @param {string} text
 * @returns {{ speakers?: string, problem: string }} the number as the server takes it, none where nothing was written;
 *   or what is wrong with it, for the reader
 */
export function peopleGiven(text) {
  if (!text.trim()) return { problem: '' }
  const found = /^\s*(\d{1,3})\s*(?:(?:[-–—]|to|bis)\s*(\d{1,3})\s*)?$/i.exec(text)
  const numbers = found ? [Number(found[1]), Number(found[2] ?? found[1])] : [0]
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)]
  if (least < 1 || most > MOST) return { problem: t('people.wrong', { most: MOST }) }
  return { speakers: least === most ? `${least}` : `${least}-${most}`, problem: '' }
}
