// The top of a meeting's page: title, facts, models, speakers.

import { day, languages, length, speakerColor, speakerName } from '../../state/format.js'
import { ofServer, percent, t } from '../../texts/texts.js'
import { el, setText } from '../dom.js'
import { icon } from '../icons.js'
import { closeElsewhere } from '../popover.js'
import { TitleField } from './title-field.js'

/** @typedef {import('../../state/page-state.js').Facts} Facts */
/** @typedef {import('../../state/transcript.js').Models} Models */
/** @typedef {import('../../state/transcript.js').Speakers} Speakers */
/** @typedef {import('../../state/wire-messages.js').Phase} Phase */

/**
 * @typedef {object} Shown
 * @property {string} title
 * @property {Phase} phase
 * @property {Facts | null} facts
 * @property {Models} models
 * @property {Speakers} speakers
 * @property {ReadonlyMap<string | null, number>} seconds that each speaker spoke
 * @property {boolean} editable whether the title can be changed
 * @property {boolean} again whether it can be transcribed again
 */

/** @type {ReadonlySet<Phase>} */
const TOLD = new Set(['open', 'live', 'ending'])

export class MeetingHeader {
  #title
  #heading = el('h1', { class: 'sr-only' })
  #badge = el('span', { class: 'badge' })
  #when = el('span')
  #length = el('span')
  #language = el('span', { class: 'language', 'data-testid': 'language' })
  #again
  #modelsBox = el('div', { class: 'models-box' })
  #modelsName = el('summary', {}, t('meeting.models'))
  #models = el(
    'details',
    { class: 'models', 'data-testid': 'models', hidden: true },
    this.#modelsName,
    this.#modelsBox,
  )
  #speakers = el('ul', { class: 'speakers', 'aria-label': t('meeting.speakers'), 'data-testid': 'speakers' })
  /** @type {Shown | null} */
  #drawn = null
  #drawnSpeakers = '' // as JSON
  node

  /**
   * @param {object} options
   * @param {string} options.home path of the first page
   * @param {import('./title-field.js').Rename} options.onRename
   * @param {() => void} options.onAgain
   */
  constructor({ home, onRename, onAgain }) {
    const again = { class: 'button', type: 'button', 'data-testid': 'again', hidden: true }
    this.#again = el('button', again, t('again.open'))
    this.#again.addEventListener('click', () => {
      this.#modelsName.focus() // comes back to it when the dialog is closed
      onAgain()
    })
    closeElsewhere(this.#models, this.#modelsName)
    this.#title = new TitleField(onRename)
    const facts = [this.#badge, this.#when, this.#length, this.#language, this.#models]
    this.node = el(
      'header',
      { class: 'meeting-header' },
      el('a', { class: 'up', href: home }, icon('back'), t('meeting.all')),
      this.#heading,
      ...this.#title.nodes,
      el('div', { class: 'facts' }, ...facts),
      this.#speakers,
    )
  }

  /** Whether a title is written that is not saved. */
  get unsaved() {
    return this.#title.unsaved
  }

  /** @param {MeetingHeader} before that this takes the place of */
  takeOver(before) {
    this.#title.takeOver(before.#title)
  }

  /** @param {Shown} shown */
  render(shown) {
    const { title, phase, facts, models, speakers, seconds, editable } = shown
    const drawn = this.#drawn
    this.#drawn = shown
    setText(this.#heading, title || t('meeting.untitled'))
    this.#title.render(title, editable)
    if (drawn?.phase !== phase) this.#showPhase(phase)
    if (facts && drawn?.facts !== facts) this.#showFacts(facts)
    this.#again.hidden = !shown.again
    if (drawn?.models !== models) this.#showModels(models)
    if (drawn?.phase !== phase || drawn.speakers !== speakers || drawn.seconds !== seconds) this.#showSpeakers(shown)
  }

  /** @param {Phase} phase */
  #showPhase(phase) {
    this.#badge.hidden = !TOLD.has(phase)
    this.#badge.setAttribute('data-state', phase)
    setText(this.#badge, TOLD.has(phase) ? t(`phase.${phase}`) : '')
  }

  /** @param {Facts} facts */
  #showFacts({ created_at: created, started_at: started, duration, state }) {
    setText(this.#when, day(started ?? created, new Date()))
    setText(this.#length, duration && state === 'ended' ? length(duration) : '')
  }

  /** @param {Models} models */
  #showModels({ speech, segmentation, embedding, languages: codes, why }) {
    const rows = [
      [t('models.speech'), speech],
      [t('models.turns'), segmentation],
      [t('models.voices'), embedding],
    ].filter(([, name]) => name)
    setText(this.#language, languages(codes))
    this.#models.hidden = rows.length === 0
    this.#modelsBox.replaceChildren(
      el('dl', {}, ...rows.flatMap(([part, name]) => [el('dt', {}, part), el('dd', {}, String(name))])),
      ...(why ? [el('p', {}, ofServer(String(why)))] : []),
      this.#again,
    )
  }

  /** @param {Shown} shown */
  #showSpeakers({ seconds, speakers, phase }) {
    const total = [...seconds.values()].reduce((sum, spoken) => sum + spoken, 0)
    const entries = [...seconds].flatMap(([id, spoken]) => {
      const share = phase === 'ended' && total ? percent(spoken / total) : ''
      return id === null ? [] : { id, name: speakerName(id, speakers), color: speakerColor(id, speakers), share }
    })
    const json = JSON.stringify(entries)
    if (json === this.#drawnSpeakers) return
    this.#drawnSpeakers = json
    this.#speakers.replaceChildren(...entries.map(speakerItem))
  }
}

/** @param {{ id: string, name: string, color: number | string, share: string }} entry */
function speakerItem({ id, name, color, share }) {
  const label = t('meeting.share-of-talk', { percent: share })
  const amount = share ? el('span', { class: 'talk-share', 'aria-label': label }, share) : null
  return el('li', { class: 'speaker', 'data-speaker': id, 'data-color': color }, el('span', {}, name), amount)
}
