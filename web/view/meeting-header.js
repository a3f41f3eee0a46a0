// The top of a meeting's page: title, facts, models, speakers.

import { home } from '../net/urls.js'
import { day, languages, length, models, speakerColor, speakerName } from '../state/format.js'
import { el, icon, setText } from './dom.js'

const PHASES = { open: 'Not started', live: 'Live', ending: 'Finishing', ended: '' }

export class MeetingHeader {
  #input = el('input', { class: 'title', type: 'text', maxlength: 200, 'aria-label': 'Title of the meeting', placeholder: 'Untitled meeting', spellcheck: 'false', autocomplete: 'off', 'data-testid': 'title' })
  #heading = el('h1', { class: 'sr-only' })
  #badge = el('span', { class: 'badge' })
  #when = el('span')
  #length = el('span')
  #language = el('span', { class: 'language', 'data-testid': 'language' })
  #models = el('details', { class: 'models', 'data-testid': 'models', hidden: true }, el('summary', {}, 'Models'), el('div', { class: 'models-box' }))
  #voices = el('ul', { class: 'speakers', 'aria-label': 'Speakers', 'data-testid': 'speakers' })
  #known = {}
  #saved = ''
  node = el(
    'header',
    { class: 'meeting-header' },
    el('a', { class: 'up', href: home }, icon('back'), 'All meetings'),
    this.#heading,
    this.#input,
    el('div', { class: 'facts' }, this.#badge, this.#when, this.#length, this.#language, this.#models),
    this.#voices,
  )

  constructor({ onRename }) {
    this.#input.addEventListener('keydown', ({ key }) => {
      if (key === 'Escape') this.#input.value = this.#saved
      if (key === 'Enter' || key === 'Escape') this.#input.blur()
    })
    this.#input.addEventListener('change', () => {
      const name = this.#input.value.trim()
      if (name && name !== this.#saved) onRename(name)
      else this.#input.value = this.#saved
    })
  }

  title(title) {
    this.#saved = title
    setText(this.#heading, title || 'Untitled meeting')
    if (document.activeElement !== this.#input) this.#input.value = title
  }

  editable(on) {
    this.#input.readOnly = !on
  }

  // The meeting as the HTTP API tells it.
  facts({ created_at: created, started_at: started, duration, state }) {
    setText(this.#when, day(started ?? created))
    setText(this.#length, duration && state === 'ended' ? length(duration) : '')
  }

  show(state, voices) {
    if (this.#known.title !== state.title) this.title(state.title)
    if (this.#known.phase !== state.phase) {
      this.#badge.hidden = !PHASES[state.phase]
      this.#badge.setAttribute('data-state', state.phase)
      setText(this.#badge, PHASES[state.phase] ?? '')
    }
    if (this.#known.models !== state.models) this.#showModels(state.models)
    this.#known = state
    this.#showVoices(voices, state)
  }

  #showModels(names) {
    const { languages: codes, why } = names
    setText(this.#language, languages(codes))
    this.#models.hidden = models(names).length === 0
    const rows = [
      ['Speech', names.speech],
      ['Turns', names.segmentation],
      ['Voices', names.embedding],
    ].filter(([, name]) => name)
    this.#models.querySelector('.models-box').replaceChildren(
      el('dl', {}, ...rows.flatMap(([part, name]) => [el('dt', {}, part), el('dd', {}, String(name))])),
      ...(why ? [el('p', {}, String(why))] : []),
    )
  }

  #showVoices(voices, { speakers, phase }) {
    const total = [...voices.values()].reduce((sum, seconds) => sum + seconds, 0)
    const entries = [...voices].map(([id, seconds]) => ({
      id,
      name: speakerName(id, speakers),
      color: speakerColor(id, speakers),
      share: phase === 'ended' && total ? Math.round((seconds / total) * 100) : null,
    }))
    const written = JSON.stringify(entries)
    if (written === this.#voices.written) return
    this.#voices.written = written
    this.#voices.replaceChildren(
      ...entries.map(({ id, name, color, share }) => {
        const amount = share === null ? null : el('span', { class: 'talk-share', 'aria-label': `${share} % of the talking` }, `${share} %`)
        return el('li', { class: 'speaker', 'data-speaker': id, 'data-color': color }, el('span', {}, name), amount)
      }),
    )
  }
}
