// With which models a meeting can be transcribed again; pure.

import { t } from '../../texts/texts.js'

/**
 * @typedef {object} ModelChoice
 * @property {string} name as the server takes it
 * @property {string} speech what their recogniser is called
 * @property {readonly string[] | null} languages codes of those that it reads; null where that is not known yet
 * @property {boolean} running whether they are those that the server has loaded
 */

/** @typedef {{ language?: string, models?: string, speakers?: string }} AgainBody  what is not said is as it was */

/**
 * Those that would have to be loaded.
 *
 * @param {readonly ModelChoice[]} known
 */
export const otherModels = (known) => known.filter(({ running }) => !running)

/**
 * What those are called that are taken where nothing else is said.
 *
 * @param {readonly ModelChoice[]} known
 */
export function loadedModels(known) {
  const speech = known.find(({ running }) => running)?.speech
  return speech ? t('again.loaded.named', { speech }) : t('again.loaded')
}

/**
 * The languages that can be said for the models of that name; none where it makes no difference, or is not known.
 *
 * @param {readonly ModelChoice[]} others
 * @param {string} name none for those that are loaded
 * @param {readonly string[]} loaded codes of those that these read
 * @returns {readonly string[]}
 */
export const languagesOf = (others, name, loaded) =>
  name ? (others.find((one) => one.name === name)?.languages ?? []) : loaded
