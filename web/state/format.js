// Numbers, dates and names as people read them; pure.

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds))
  const two = (n) => String(n).padStart(2, '0')
  const hours = Math.floor(whole / 3600)
  const rest = `${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`
  return hours ? `${hours}:${rest}` : rest
}

// 38 s · 4 min · 1 h 12 min
export function length(seconds) {
  if (seconds < 59.5) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`
}

// "Today, 14:05" · "Yesterday, 9:30" · "Tue 3 June, 14:05" · "3 June 2024"
export function day(iso, now = new Date(), locale = undefined) {
  const date = new Date(iso)
  if (!iso || Number.isNaN(date.getTime())) return ''
  const time = date.toLocaleTimeString(locale, { hour: 'numeric', minute: '2-digit' })
  const midnight = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime()
  const days = Math.round((midnight(now) - midnight(date)) / 86_400_000)
  if (days === 0) return `Today, ${time}`
  if (days === 1) return `Yesterday, ${time}`
  if (date.getFullYear() === now.getFullYear()) {
    return `${date.toLocaleDateString(locale, { weekday: 'short', day: 'numeric', month: 'long' })}, ${time}`
  }
  return date.toLocaleDateString(locale, { day: 'numeric', month: 'long', year: 'numeric' })
}

// The same rule as the exports: the given name, else the number, else an honest question mark.
export function speakerName(id, speakers) {
  if (id === null) return 'Speaker ?'
  return speakers.get(id)?.name || `Speaker ${id.replace(/^spk/, '')}`
}

export const PALETTE = 10

// Index into the palette, or "" for a voice not known yet.
export function speakerColor(id, speakers) {
  if (id === null) return ''
  const known = speakers.get(id)
  if (known) return known.color % PALETTE
  const number = Number.parseInt(id.replace(/\D+/g, ''), 10)
  return Number.isNaN(number) ? 0 : number % PALETTE
}

export function models(names) {
  const short = (name) => String(name).split(/[\\/]/).pop()
  return [names.speech, names.segmentation, names.embedding].filter(Boolean).map(short)
}

// "English only", "English and German", or "" where any language will do.
export function languages(codes, locale = 'en') {
  if (!Array.isArray(codes) || codes.length === 0 || codes.length > 4) return ''
  const names = new Intl.DisplayNames([locale], { type: 'language', fallback: 'code' })
  const said = codes.map((code) => {
    try {
      return names.of(code)
    } catch {
      return String(code)
    }
  })
  return said.length === 1 ? `${said[0]} only` : new Intl.ListFormat(locale).format(said)
}
