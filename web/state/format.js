// Numbers, dates and names as people read them; pure.

import { dated, languageNames, t } from '../texts/texts.js'

/** @typedef {import('./transcript.js').Speakers} Speakers */

/**
 * "01:05", from an hour on "1:02:05".
 *
 * @param {number} seconds
 */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds))
  const hours = Math.floor(whole / 3600)
  const rest = `${twoDigits(Math.floor((whole % 3600) / 60))}:${twoDigits(whole % 60)}`
  return hours ? `${hours}:${rest}` : rest
}

/** @type {(number: number) => string} */
const twoDigits = (number) => String(number).padStart(2, '0')

/**
 * "38 s", "4 min", "1 h 12 min".
 *
 * @param {number} seconds
 */
export function length(seconds) {
  if (seconds < 59.5) return t('length.seconds', { seconds: Math.round(seconds) })
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return t('length.minutes', { minutes })
  const hours = Math.floor(minutes / 60)
  return minutes % 60 ? t('length.hours-minutes', { hours, minutes: minutes % 60 }) : t('length.hours', { hours })
}

/**
 * "Today, 14:05", "Yesterday, 9:30", "Tue 3 June, 14:05", "3 June 2024"; empty for what is no date.
 *
 * @param {string | null | undefined} iso
 * @param {Date} now
 */
export function day(iso, now) {
  const date = new Date(iso ?? '')
  if (!iso || Number.isNaN(date.getTime())) return ''
  const time = dated(date, { hour: 'numeric', minute: '2-digit' })
  const days = Math.round((midnight(now) - midnight(date)) / 86_400_000)
  if (days === 0) return t('day.today', { time })
  if (days === 1) return t('day.yesterday', { time })
  if (date.getFullYear() === now.getFullYear()) {
    return t('day.this-year', { day: dated(date, { weekday: 'short', day: 'numeric', month: 'long' }), time })
  }
  return dated(date, { day: 'numeric', month: 'long', year: 'numeric' })
}

/** @type {(date: Date) => number} */
const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime()

/**
 * The same rule as the exports: the given name, else the number, else an honest question mark.
 *
 * @param {string | null} id
 * @param {Speakers} speakers
 */
export function speakerName(id, speakers) {
  if (id === null) return t('speaker.unknown')
  return speakers.get(id)?.name || t('speaker.known', { number: id.replace(/^spk/, '') })
}

/**
 * A name as the server writes it, which has numbered those without one in its own language.
 *
 * @param {string} name
 */
export function listedName(name) {
  const number = /^Speaker (\d+)$/.exec(name)?.[1]
  return number ? t('speaker.known', { number }) : name
}

/**
 * The other way round: what the server calls somebody who is called so on this page.
 *
 * @param {string} name
 */
export function nameForServer(name) {
  const number = /\d+$/.exec(name)?.[0] ?? ''
  const same = name.toLowerCase() === t('speaker.known', { number }).toLowerCase()
  return number && same ? `Speaker ${number}` : name
}

const PALETTE = 10

/**
 * Index into the palette, or "" for a speaker not known yet.
 *
 * @param {string | null} id
 * @param {Speakers} speakers
 */
export function speakerColor(id, speakers) {
  if (id === null) return ''
  const known = speakers.get(id)
  if (known) return known.color % PALETTE
  const number = Number.parseInt(id.replace(/\D+/g, ''), 10)
  return Number.isNaN(number) ? 0 : number % PALETTE
}

/**
 * "English only", "English and German", or "" where any language will do.
 *
 * @param {string[] | null | undefined} codes
 */
export function languages(codes) {
  if (!Array.isArray(codes) || codes.length === 0 || codes.length > 4) return ''
  const told = languageNames(codes)
  return codes.length === 1 ? t('language.only', { language: told }) : told
}

/**
 * The language of all that is said, for who reads it aloud; empty where it may be any.
 *
 * @param {import('./transcript.js').Models} models
 */
export const onlyLanguage = ({ languages }) => (languages?.length === 1 ? languages[0] : '')

/** Scripts that write no spaces: Chinese, Japanese, Thai, Lao, Burmese; as pipelines/spacing.py has them. */
const UNSPACED =
  '\\u0e00-\\u0eff\\u1000-\\u109f\\ua9e0-\\ua9ff\\uaa60-\\uaa7f' +
  '\\u2e80-\\u312f\\u31a0-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{3ffff}\\uff00-\\uff9f'
const LAST = new RegExp(`[${UNSPACED}]$`, 'u')
const FIRST = new RegExp(`^[${UNSPACED}]`, 'u')

/**
 * What stands between two words.
 *
 * @param {string} before
 * @param {string} after
 */
export const spaceBetween = (before, after) => (LAST.test(before) && FIRST.test(after) ? '' : ' ')

/** @param {readonly string[]} words @returns {string} as they are written */
export const joinWords = (words) =>
  words.map((word, at) => (at ? spaceBetween(words[at - 1], word) : '') + word).join('')
