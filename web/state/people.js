// How many people will speak, as somebody writes it into a field; pure.

const MOST = 100

/**
 * "4", "2-5", "2 – 5", "2 to 5", or nothing.
 *
 * @param {string} text
 * @returns {{ speakers?: string, problem: string }} the number as the server takes it, none where nothing was written;
 *   or what is wrong with it, for the reader
 */
export function peopleGiven(text) {
  if (!text.trim()) return { problem: '' }
  const found = /^\s*(\d{1,3})\s*(?:(?:[-–—]|to)\s*(\d{1,3})\s*)?$/i.exec(text)
  const numbers = found ? [Number(found[1]), Number(found[2] ?? found[1])] : [0]
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)]
  if (least < 1 || most > MOST) {
    const form = `Write a number such as 4, or from–to such as 2-5, up to ${MOST}; or leave it empty.`
    return { problem: `How many people will speak? ${form}` }
  }
  return { speakers: least === most ? `${least}` : `${least}-${most}`, problem: '' }
}
