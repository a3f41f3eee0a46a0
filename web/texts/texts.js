// What the page says, in the language of whoever reads it; pure.

import { ENGLISH } from './english.js'
import { GERMAN } from './german.js'

/** @typedef {Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }} Plural  a text for each plural form */

/** The languages that there are, by code, each by the name that it gives itself. */
export const LANGUAGES = { en: 'English', de: 'Deutsch' }

/** @typedef {keyof typeof LANGUAGES} Language */

const TABLES = { en: ENGLISH, de: GERMAN }
const SERVER = 'en' // what the server speaks

/** @type {Language} */
let language = 'en'
let locale = 'en'

/** The language that is spoken. */
export const spoken = () => language

/**
 * The language to speak, and how its region writes numbers and dates.
 *
 * @param {readonly string[]} wanted codes of languages, such as de-AT, the most wanted first
 * @param {string | null} [chosen] a language that was chosen on the page
 * @returns {{ language: Language, locale: string }}
 */
export function choose(wanted, chosen = null) {
  const known = wanted.filter((code) => isLanguage(base(code)))
  const found = chosen !== null && isLanguage(chosen) ? chosen : base(known[0] ?? 'en')
  return { language: /** @type {Language} */ (found), locale: known.find((code) => base(code) === found) ?? found }
}

/** @type {(code: string) => string} */
const base = (code) => code.toLowerCase().split('-')[0]

/** @type {(code: string) => boolean} */
const isLanguage = (code) => Object.hasOwn(LANGUAGES, code)

/**
 * From now on this language is spoken.
 *
 * @param {ReturnType<typeof choose>} choice
 */
export function speak(choice) {
  ;({ language, locale } = choice)
}

/**
 * A text by its key.
 *
 * @param {string} key
 * @param {Readonly<Record<string, string | number>>} [values] what goes into its braces; `count` decides on the plural
 */
export function t(key, values = {}) {
  const found = TABLES[language][key]
  if (found === undefined) throw new Error(`there is no text ${key}`)
  const text = typeof found === 'string' ? found : form(found, Number(values.count))
  return text.replace(/\{(\w+)\}/g, (_, name) => shown(values[name]))
}

/** @type {(plural: Plural, count: number) => string} */
const form = (plural, count) => plural[new Intl.PluralRules(locale).select(count)] ?? plural.other

/** @type {(value: string | number) => string} */
const shown = (value) => (typeof value === 'number' ? number(value) : value)

/**
 * @param {number} value
 * @param {number} [digits] behind the point
 */
export const number = (value, digits = 0) =>
  value.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits })

/**
 * @param {number} share of one
 */
export const percent = (share) => share.toLocaleString(locale, { style: 'percent' })

/**
 * @param {Date} date
 * @param {Intl.DateTimeFormatOptions} options
 */
export const dated = (date, options) => new Intl.DateTimeFormat(locale, options).format(date)

/**
 * @param {readonly string[]} codes of languages
 */
export function languageNames(codes) {
  const names = new Intl.DisplayNames([locale], { type: 'language', fallback: 'code' })
  return new Intl.ListFormat(locale).format(codes.map((code) => languageName(names, code)))
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

/**
 * What the server says of an error: its own sentence, which says most, to whoever reads its language, and else what its
 * code stands for; its own sentence to them as well where we know no other.
 *
 * @param {string | number} code
 * @param {string} message
 */
export function errorText(code, message) {
  const known = Object.hasOwn(TABLES[language], `error.${code}`)
  return known && (language !== SERVER || !message) ? t(`error.${code}`) : ofServer(message)
}

// Isolates, as Unicode has them for what is written otherwise than the text around it.
const [OPEN, CLOSE] = ['\u2068', '\u2069']

/**
 * A sentence of the server as part of a text, marked where it is in another language than the page.
 *
 * @param {string} sentence
 */
export const ofServer = (sentence) => (language === SERVER || !sentence ? sentence : `${OPEN}${sentence}${CLOSE}`)

/**
 * A text in parts, with the language of those that are not in the page's.
 *
 * @param {string} text
 * @returns {{ text: string, lang: string | null }[]}
 */
export const parts = (text) =>
  text
    .split(/(\u2068[^\u2069]*\u2069)/)
    .filter(Boolean)
    .map((part) => ({ text: part, lang: part.startsWith(OPEN) ? SERVER : null }))
