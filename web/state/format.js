// Numbers, dates and names as people read them; pure.

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
  if (seconds < 59.5) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`
}

/**
 * "Today, 14:05", "Yesterday, 9:30", "Tue 3 June, 14:05", "3 June 2024"; empty for what is no date.
 *
 * @param {string | null | undefined} iso
 * @param {Date} now
 * @param {string} [locale]
 */
export function day(iso, now, locale) {
  const date = new Date(iso ?? '')
  if (!iso || Number.isNaN(date.getTime())) return ''
  const time = date.toLocaleTimeString(locale, { hour: 'numeric', minute: '2-digit' })
  const days = Math.round((midnight(now) - midnight(date)) / 86_400_000)
  if (days === 0) return `Today, ${time}`
  if (days === 1) return `Yesterday, ${time}`
  if (date.getFullYear() === now.getFullYear()) {
    return `${date.toLocaleDateString(locale, { weekday: 'short', day: 'numeric', month: 'long' })}, ${time}`
  }
  return date.toLocaleDateString(locale, { day: 'numeric', month: 'long', year: 'numeric' })
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
  if (id === null) return 'Speaker ?'
  return speakers.get(id)?.name || `Speaker ${id.replace(/^spk/, '')}`
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
export function languages(codes, locale = 'en') {
  if (!Array.isArray(codes) || codes.length === 0 || codes.length > 4) return ''
  const names = new Intl.DisplayNames([locale], { type: 'language', fallback: 'code' })
  const told = codes.map((code) => languageName(names, code))
  return told.length === 1 ? `${told[0]} only` : new Intl.ListFormat(locale).format(told)
}

/**
 * @param {Intl.DisplayNames} names
 * @param {string} code
 */
function languageName(names, code) {
  try {
    return names.of(code) ?? code
  } catch {
    return String(code)
  }
}
