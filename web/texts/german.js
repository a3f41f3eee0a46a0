// All that the page says, in German: the same keys and braces as in english.js.

/** @type {typeof import('./english.js').ENGLISH} */
export const GERMAN = {
  // Every page
  'app.name': 'Mitschrift',
  'app.skip': 'Zum Inhalt springen',
  'app.language': 'Sprache dieser Seite',
  'meeting.untitled': 'Besprechung ohne Titel',
  'speaker.known': 'Person {number}',
  'speaker.unknown': 'Person ?',
  'speaker.unknown.aloud': 'Unbekannte Person',
  'button.cancel': 'Abbrechen',
  'button.save': 'Speichern',
  'button.done': 'Fertig',
  'button.again': 'Noch einmal versuchen',
  'edit.failed': 'Nicht gespeichert. {why}',
  'edit.failed.line': 'Die Zeile bei {time} ist nicht gespeichert. {why}',
  'edit.save': 'Speichern',
  'edit.cancel': 'Abbrechen',
  'edit.split': 'An der Schreibmarke teilen',
  'edit.join': 'Mit der nächsten Zeile verbinden',
  'edit.keep-mine': 'Meine speichern',
  'edit.take-theirs': 'Die andere nehmen',
  'edit.tool.edit': 'Diese Zeile schreiben (Eingabe)',
  'edit.tool.select': 'Diese Zeile auswählen (x)',
  'edit.empty': 'Eine Zeile braucht mindestens ein Wort.',
  'edit.recognised': 'Erkannt: {text}',
  'edit.conflict': 'Jemand anders hat diese Zeile inzwischen geändert. Sie lautet jetzt, gesagt von {who}: „{text}“',
  'edit.gone':
    'Jemand hat diese Zeile verbunden oder ihre Teilung zurückgenommen. Ihr Text bleibt hier, bis Sie ihn schließen.',
  'edit.voice': 'Wer diese Zeile gesagt hat',
  'edit.voice.new': 'Eine neue Stimme …',
  'edit.voice.name': 'Wie die neue Stimme heißt',
  'edit.selection': 'Ausgewählte Zeilen',
  'edit.selected': { one: 'Eine Zeile ausgewählt', other: '{count} Zeilen ausgewählt' },
  'edit.give': 'Geben an …',
  'edit.give.whom': 'Wählen Sie erst eine Stimme; eine neue braucht einen Namen.',
  'edit.give-lines': 'Geben',
  'edit.select-none': 'Keine auswählen',
  'edit.undo': 'Rückgängig',
  'edit.redo': 'Wiederholen',
  'edit.quiet': 'Schließen',
  'edit.done.line': 'Zeile geändert.',
  'edit.done.who': 'Geändert.',
  'edit.done.split': 'Zeile geteilt.',
  'edit.done.join': 'Zeilen verbunden.',
  'edit.done.given': {
    one: 'Zeile einer anderen Stimme gegeben.',
    other: '{count} Zeilen einer anderen Stimme gegeben.',
  },
  'edit.undone': 'Zurückgenommen.',
  'edit.undo.refused': 'Das lässt sich nicht mehr zurücknehmen: Seither wurde etwas geändert.',
  'edit.undo.failed': 'Nicht zurückgenommen. {why}',
  'server.unreachable': 'Der Server antwortet nicht. Prüfen Sie, ob er läuft, und versuchen Sie es noch einmal.',
  'server.failed': 'Der Server hat mit dem Status {status} geantwortet.',

  // Numbers and dates
  'day.today': 'Heute, {time}',
  'day.yesterday': 'Gestern, {time}',
  'day.this-year': '{day}, {time}',
  'length.seconds': '{seconds} s',
  'length.minutes': '{minutes} min',
  'length.hours': '{hours} h',
  'length.hours-minutes': '{hours} h {minutes} min',
  'language.only': 'nur {language}',

  // The first page
  'home.title': 'Wer was sagt, während es gesagt wird.',
  'home.lead':
    'Drücken Sie einen Knopf und sprechen Sie. Wer den Link hat, liest mit. Der Ton bleibt auf diesem Server.',
  'home.hint':
    'Das Beispiel ist eine Minute mit drei Stimmen auf Englisch; es braucht kein Mikrofon. Aufnahmen, Ton oder ' +
    'Video, können Sie auch irgendwo auf dieser Seite ablegen.',
  'home.new': 'Neue Besprechung',
  'home.new.waiting': 'Warten auf das Mikrofon …',
  'home.sample': 'Beispiel anhören',
  'home.sample.loading': 'Das Beispiel wird geladen …',
  'home.meetings': 'Besprechungen',
  'home.more': 'Frühere Besprechungen zeigen',
  'home.empty': 'Noch keine Besprechungen. Was Sie hier aufnehmen, wird aufbewahrt und steht dann an dieser Stelle.',
  'home.voices': 'Gemerkte Stimmen',
  'home.sign-out': 'Abmelden',
  'list.open': 'Nicht begonnen',
  'list.live': 'Läuft gerade',
  'list.ending': 'Wird abgeschlossen',
  'list.delete': '{title} löschen',
  'list.speakers': 'Es sprechen: {names}',
  'filter.title': 'Titel enthält …',
  'filter.time': 'Welche Besprechungen',
  'filter.all': 'Alle',
  'filter.current': 'Laufende',
  'filter.past': 'Vergangene',
  'filter.none': 'Keine Besprechung passt. Versuchen Sie einen anderen Teil des Titels, oder alle Besprechungen.',
  'delete.done': 'Gelöscht: „{title}“',
  'delete.hint': 'Das lässt sich 10 Sekunden lang zurücknehmen. Wer diese Seite verlässt, löscht endgültig.',
  'delete.undo': 'Zurücknehmen',
  'delete.undo.aloud': 'Zurücknehmen: „{title}“ wiederherstellen',
  'delete.live': '„{title}“ läuft noch. Beenden Sie die Besprechung erst, und löschen Sie sie dann.',
  'delete.failed': '„{title}“ wurde nicht gelöscht. {why}',
  'sample.title': 'Beispielbesprechung',
  'sample.missing': 'Die Beispielaufnahme fehlt auf diesem Server.',

  // Transcribing a meeting again
  'again.open': 'Noch einmal transkribieren …',
  'again.title': 'Diese Besprechung noch einmal transkribieren?',
  'again.text':
    'Die Modelle, die dieser Server jetzt hat, hören den Ton noch einmal. Namen und Zeilen, die jemand bearbeitet ' +
    'hat, bleiben. Notizen nennen Zeilen, auf denen sie beruhen, und müssen danach neu erstellt werden.',
  'again.language': 'Was gesprochen wird',
  'again.people': 'Wie viele Personen sprechen darin?',
  'again.any': 'Wird beim Hören erkannt',
  'again.models':
    'Mit anderen Modellen geschieht es auf dem Rechner des Servers, in einem eigenen Prozess, mit diesem Befehl:',
  'again.which': 'Modelle, die zuhören',
  'again.loaded': 'Die, die der Server geladen hat',
  'again.loaded.named': '{speech}, das der Server geladen hat',
  'again.elsewhere':
    'Andere lädt der Server in einem eigenen Prozess, der vom Prozessor bekommt, was laufende Besprechungen übrig ' +
    'lassen: Es kann lange dauern.',
  'again.begin': 'Noch einmal transkribieren',
  'again.begun':
    'Es läuft: Die erste Seite zeigt, wie weit es ist. Bis dahin bleibt diese Seite, wie sie ist, und zeigt dann die ' +
    'neuen Zeilen.',

  // Recordings
  'jobs.title': 'Aufnahmen in Arbeit',
  'jobs.choose': 'Aufnahme transkribieren',
  'jobs.next': 'Wird als Nächstes gesendet',
  'jobs.sending': '{percent} gesendet',
  'jobs.lost': 'Keine Verbindung. Es geht bei {percent} von selbst weiter.',
  'jobs.arriving': 'Bisher angekommen: {percent}',
  'jobs.interrupted': 'Bei {percent} stehen geblieben. Wählen Sie dieselbe Datei noch einmal, und es geht dort weiter.',
  'jobs.not-sent': 'Nicht gesendet. {why}',
  'jobs.empty': 'Die Datei ist leer.',
  'jobs.unreadable': 'Die Datei lässt sich nicht mehr lesen.',
  'jobs.queued': 'Wartet, bis sie an der Reihe ist',
  'jobs.begins': 'Das Transkribieren beginnt',
  'jobs.so-far': '{length} bisher transkribiert',
  'jobs.running': '{percent} transkribiert',
  'jobs.estimate': '{percent} transkribiert, noch etwa {left}',
  'jobs.finishing': 'Fast fertig: Alles wird noch einmal durchgesehen',
  'jobs.failed': 'Nicht transkribiert: {why}',
  'jobs.remark': 'Transkribiert, aber {why}',
  'jobs.done': '{title} ist transkribiert.',
  'jobs.cancel': '{title} anhalten',
  'jobs.dismiss': '{title} aus dieser Liste entfernen',
  'jobs.stop.title': 'Diese Aufnahme nicht weiter transkribieren?',
  'jobs.stop.text': 'Was von „{title}“ bisher transkribiert ist, wird gelöscht.',
  'jobs.stop.no': 'Weitermachen',
  'jobs.stop.yes': 'Anhalten',

  // Search
  'search.title': 'Suche',
  'search.label': 'Gesagtes suchen',
  'search.button': 'Suchen',
  'search.how':
    'Gefunden werden Zeilen, in denen alle Wörter stehen. Eine „Wortfolge“ in Anführungszeichen bleibt zusammen; ' +
    'ver* findet alle Wörter, die so beginnen.',
  'search.speaker': 'Gesagt von',
  'search.since': 'Von',
  'search.until': 'Bis',
  'search.nothing': 'Schreiben Sie mindestens ein Wort, das gesucht werden soll.',
  'search.busy': 'Es wird gesucht …',
  'search.none': 'Nichts gefunden. Versuchen Sie es mit weniger Wörtern, einem Wortanfang und * oder anderen Tagen.',
  'search.found': { one: '{count} Zeile gefunden', other: '{count} Zeilen gefunden' },
  'search.found.more': 'Bisher {count} Zeilen gefunden',
  'search.more': 'Frühere Zeilen zeigen',
  'search.failed': 'Das wurde nicht gesucht. {why}',

  // The picture on the first page
  'picture.1': 'Verschieben wir die Veröffentlichung auf Donnerstag?',
  'picture.2': 'Donnerstag geht, wenn die Tests bis dahin grün sind.',
  'picture.3': 'Das sind sie. Ich schreibe ',
  'picture.3.partial': 'die Ankündigung bis',

  // Options of a new meeting
  'options.title': 'Angaben zu einer neuen Besprechung',
  'people.label': 'Wie viele Personen werden sprechen?',
  'people.hint':
    'Zum Beispiel 4 oder 2-5. Das hilft, Stimmen zu unterscheiden; lassen Sie es leer, wenn Sie es nicht wissen.',
  'dating.label': 'Wann wurde aufgenommen?',
  'dating.hint':
    'Für eine Aufnahme, die eine Datei ist. Lassen Sie es leer, dann gilt, wann die Datei zuletzt geändert wurde.',
  'dating.wrong': 'Wann wurde aufgenommen? Es kann nicht später sein als jetzt.',
  'people.wrong':
    'Wie viele Personen werden sprechen? Schreiben Sie eine Zahl wie 4 oder von–bis wie 2-5, höchstens {most}; ' +
    'oder lassen Sie es leer.',
  'terms.label': 'Namen und Begriffe, die wahrscheinlich fallen',
  'terms.hint':
    'Trennen Sie sie durch Kommas oder Zeilenumbrüche. Sie lassen sich ändern, während die Besprechung läuft.',
  'terms.hint.live':
    'Trennen Sie sie durch Kommas oder Zeilenumbrüche. Was von jetzt an gesagt wird, wird mit ihnen gehört.',
  'terms.example': 'Nguyen, Kubernetes, Saint-Gobain',
  'terms.count': { one: '{count} Begriff', other: '{count} Begriffe' },
  'terms.count.none': 'Keine Begriffe',
  'terms.too-many': 'Höchstens {most} Namen und Begriffe sind möglich; das sind {count}.',
  'terms.too-long': '„{term}…“ ist zu lang: Ein Begriff hat höchstens {most} Zeichen.',

  // Signing in, and pages that cannot be shown
  'sign-in.title': 'Anmelden',
  'sign-in.token': 'Token dieses Servers',
  'sign-in.button': 'Anmelden',
  'sign-in.wrong': 'Das ist nicht das Token dieses Servers.',
  'sign-in.why':
    'Dieser Server verlangt sein Token, bevor er Besprechungen zeigt oder anlegt. Wenn Sie einen Link zu einer ' +
    'Besprechung bekommen haben, öffnen Sie stattdessen diesen.',
  'locked.title': 'Ein Link ist nötig',
  'locked.text':
    'Diese Besprechung öffnet sich nur mit einem Link, und was Sie hierher geführt hat, öffnet sie nicht: ' +
    'Vielleicht wurde es widerrufen oder ist abgelaufen. Bitten Sie die Gastgeberin oder den Gastgeber um einen ' +
    'neuen Link. Wer diesen Server betreibt, kann sich mit dessen Token anmelden.',
  'missing.title': 'Keine solche Besprechung',
  'missing.text': 'Diese Besprechung gibt es nicht. Vielleicht wurde sie gelöscht, oder der Link ist unvollständig.',
  'missing.home': 'Zu allen Besprechungen',

  // A meeting
  'meeting.all': 'Alle Besprechungen',
  'meeting.title': 'Titel der Besprechung',
  'meeting.speakers': 'Personen',
  'meeting.share-of-talk': '{percent} der Redezeit',
  'meeting.models': 'Modelle',
  'models.speech': 'Sprache',
  'models.turns': 'Redebeiträge',
  'models.voices': 'Stimmen',
  'phase.open': 'Nicht begonnen',
  'phase.live': 'Live',
  'phase.ending': 'Wird abgeschlossen',
  'meeting.start': 'Mit meinem Mikrofon beginnen',
  'meeting.go-on': 'Weiter aufnehmen',
  'meeting.newest': 'Zum Neuesten',
  'meeting.over.aloud': 'Die Besprechung ist zu Ende.',
  'meeting.terms': 'Begriffe',
  'meeting.share': 'Teilen',
  'meeting.copy': 'Link kopieren',
  'meeting.copied': 'Der Link ist kopiert: Wer ihn hat, kommt herein.',
  'meeting.copy-this': 'Kopieren Sie diesen Link: Wer ihn hat, kommt herein.',
  'title.conflict': 'Jemand anders hat diese Besprechung inzwischen umbenannt. Sie heißt jetzt „{title}“.',
  'title.failed': 'Der Titel wurde nicht gespeichert. {why}',
  'transcript.label': 'Transkript',
  'transcript.earlier': 'Frühere Zeilen sind unterwegs …',
  'transcript.end': 'Ende der Besprechung bei {time}. Alles ist gespeichert.',
  'transcript.gap': '{from} – {to}: Hier fehlt Ton',
  'transcript.gap.of': '{name}, {text}',
  'transcript.gap.why': '{from} – {to}: Hier fehlt Ton ({why})',
  'transcript.at-once': 'Mehrere sprechen zugleich',
  'transcript.at-once.aloud': '(mehrere sprechen zugleich) ',
  'transcript.say-who': 'Sagen, wer das ist',
  'transcript.recognized': 'an der Stimme wiedererkannt, nicht bestätigt',
  'empty.connecting': 'Die Besprechung wird geöffnet …',
  'empty.ended': 'Keine Worte in dieser Besprechung',
  'empty.ended.text': 'Es wurde nichts gesagt, was die Erkennung verstehen konnte.',
  'empty.listening': 'Hört zu',
  'empty.listening.source': 'Die ersten Worte erscheinen hier, sobald jemand spricht.',
  'empty.listening.viewer': 'Jemand hat begonnen. Die ersten Worte erscheinen hier, sobald sie zu hören sind.',
  'empty.open': 'Noch hat niemand begonnen',
  'empty.open.text': 'Lassen Sie diese Seite offen: Sie füllt sich, sobald jemand spricht.',

  // The player
  'player.label': 'Wiedergabe',
  'player.play': 'Abspielen',
  'player.pause': 'Anhalten',
  'player.back': '{seconds} Sekunden zurück',
  'player.forward': '{seconds} Sekunden vor',
  'player.rate': 'Tempo',
  'player.position': 'Stelle in der Besprechung',
  'player.position.at': '{time} von {length}',
  'player.from': 'Ab {time} abspielen',
  'player.again': 'Die letzte Minute noch einmal hören',
  'player.close': 'Zurück zu Live',
  'player.headphones': 'Benutzen Sie Kopfhörer: Ihr Mikrofon hört, was hier abgespielt wird.',
  'player.none': 'Der Ton dieser Besprechung wurde nicht aufbewahrt und lässt sich nicht abspielen.',
  'player.failed': 'Der Ton lässt sich nicht abspielen. {why}',
  'player.no-ranges': 'Was zwischen dieser Seite und dem Server steht, lässt keine Teile von Dateien durch.',
  'player.excerpts': 'Diese Stimme hören',
  'player.excerpt': 'Ausschnitt {number}, bei {time}',
  'player.excerpt.stop': 'Ausschnitt {number} anhalten',

  // Statistics
  'statistics.title': 'Wer wie viel gesprochen hat',
  'statistics.speaker': 'Person',
  'statistics.talk-time': 'Redezeit',
  'statistics.turns': 'Beiträge',
  'statistics.words': 'Wörter',
  'statistics.pace': 'Wörter pro Minute',
  'statistics.failed': 'Die Statistik konnte nicht geladen werden. {why}',
  'statistics.time': 'Wie die Zeit verging',
  'statistics.one': 'Eine Stimme',
  'statistics.overlap': 'Mehrere zugleich',
  'statistics.silence': 'Stille',
  'statistics.missing': 'Ton fehlt',

  // The recording
  'recording.label': 'Aufnahme',
  'recording.level': 'Lautstärke',
  'recording.length': 'Dauer',
  'recording.microphone': 'Mikrofon',
  'recording.microphone.number': 'Mikrofon {number}',
  'recording.play': 'Das Beispiel laut abspielen',
  'recording.mute': 'Das Beispiel stumm schalten',
  'recording.microphone.mute': 'Mein Mikrofon stummschalten',
  'recording.stop': 'Beenden',
  'recording.stop.mine': 'Mein Mikrofon beenden',
  'recording.end': 'Besprechung beenden',
  'recording.end.all': 'Für alle beenden',
  'recording.finishing': 'Schließt ab …',
  'leave.title': 'Diese Besprechung beenden?',
  'leave.text':
    'Diese Seite nimmt auf. Wenn Sie beenden, wird alles bisher Gesagte gespeichert, und die Besprechung endet für ' +
    'alle.',
  'leave.title.others': 'Ihren Ton beenden?',
  'leave.text.others':
    'Diese Seite sendet Ton. Wenn Sie gehen, hört das auf, und alles bisher Gesagte wird gespeichert; die ' +
    'Besprechung geht für die anderen weiter.',
  'leave.no': 'Weiter aufnehmen',
  'leave.yes': 'Beenden und gehen',
  'leave.unsaved.title': 'Gehen, ohne zu speichern?',
  'leave.unsaved.text':
    'Sie haben etwas geschrieben, das nicht gespeichert ist. Wenn Sie diese Seite verlassen, geht es verloren.',
  'leave.unsaved.no': 'Weiter schreiben',
  'leave.unsaved.yes': 'Gehen',
  'end.title': 'Diese Besprechung beenden?',
  'end.text':
    'Wer gerade aufnimmt, wird angehalten, und die Besprechung endet für alle. Was bis jetzt zu hören war, wird ' +
    'aufbewahrt und abgeschlossen.',
  'end.no': 'Weiterlaufen lassen',
  'end.yes': 'Besprechung beenden',
  'end.failed': 'Die Besprechung wurde nicht beendet. {why}',

  // Sources of sound
  'sources.label': 'Tonquellen',
  'sources.count': { one: '{count} Tonquelle', other: '{count} Tonquellen' },
  'sources.unnamed': 'Quelle {number}',
  'sources.own': 'von dieser Seite',
  'sources.kind.solo': 'eine Person',
  'sources.kind.room': 'mehrere Personen',
  'sources.live': 'Zu hören',
  'sources.away': 'Verbindung verloren, darauf wird gewartet',
  'sources.ending': 'Die letzten Worte werden fertig',
  'sources.muted': 'Stummgeschaltet',
  'sources.live.aloud': '{name} ist jetzt zu hören.',
  'sources.away.aloud': '{name} hat die Verbindung verloren.',
  'sources.ended.aloud': '{name} ist nicht mehr zu hören.',
  'sources.level': 'Pegel von {name}',
  'sources.mute': 'Stummschalten',
  'sources.mute.name': 'Stummschalten: {name}',
  'sources.unmute': 'Ton wieder an',
  'sources.unmute.name': 'Ton wieder an: {name}',
  'sources.remove': 'Entfernen',
  'sources.remove.name': 'Entfernen: {name}',
  'sources.remove.title': '{name} entfernen?',
  'sources.remove.text':
    'Diese Quelle ist dann nicht mehr zu hören. Was bisher gesagt wurde, bleibt in der Mitschrift. Wer es ist, kann ' +
    'weiter mitlesen und mit einem Link, der noch zum Sprechen berechtigt, wieder Ton teilen.',
  'sources.failed': 'Das ging nicht. {why}',
  'source.muted.microphone':
    'Ihr Mikrofon wurde von der Gastgeberin oder dem Gastgeber stummgeschaltet. Was Sie sagen, ist nicht zu hören, ' +
    'bis der Ton wieder an ist.',
  'source.muted.tab': 'Der Ton, den Sie teilen, wurde von der Gastgeberin oder dem Gastgeber stummgeschaltet.',
  'source.removed.microphone':
    'Ihr Mikrofon wurde von der Gastgeberin oder dem Gastgeber aus dieser Besprechung entfernt. Sie können mitlesen.',
  'source.removed.tab':
    'Der Ton, den Sie geteilt haben, wurde von der Gastgeberin oder dem Gastgeber aus dieser Besprechung entfernt.',
  'source.over.microphone':
    'Ihr Mikrofon ist nicht mehr zu hören, die Besprechung geht weiter. Sie können es wieder teilen.',
  'source.over.tab': 'Der Ton, den Sie geteilt haben, ist nicht mehr zu hören.',
  'source.full':
    'In dieser Besprechung gibt es so viele Tonquellen, wie sie aufnimmt. Versuchen Sie es wieder, sobald eine ' +
    'aufgehört hat.',
  'join.microphone': 'Mein Mikrofon teilen',
  'join.title': 'Ihr Mikrofon teilen',
  'join.who': 'Wer spricht in Ihr Mikrofon?',
  'join.solo': 'Nur ich',
  'join.solo.what': 'Ein Headset oder ein eigenes Gerät. Alles, was zu hören ist, steht unter Ihrem Namen.',
  'join.room': 'Mehrere Personen',
  'join.room.what': 'Ein Mikrofon im Raum. Die Stimmen werden unterschieden.',
  'join.name': 'Ihr Name',
  'join.name.what': 'Andere sehen ihn in der Liste der Tonquellen. Dieser Browser merkt ihn sich.',
  'join.name.missing': 'Schreiben Sie Ihren Namen: Er steht neben dem, was Sie sagen.',
  'join.begin': 'Teilen',
  'join.tab': 'Ton eines Tabs teilen',
  'join.tab.stop': 'Ton nicht mehr teilen',
  'join.tab.title': 'Den Ton eines Tabs teilen',
  'join.tab.how':
    'Als Nächstes fragt der Browser, was geteilt werden soll. Wählen Sie einen Tab oder den ganzen Bildschirm und ' +
    'schalten Sie ein, dass auch der Ton geteilt wird. Nur der Ton wird übertragen, kein Bild.',
  'join.tab.headphones':
    'Wenn Sie auch Ihr Mikrofon teilen, tragen Sie Kopfhörer: Es würde den Ton sonst ein zweites Mal hören.',
  'join.tab.name': 'Wie der Ton heißt',
  'join.tab.default': 'Geteilter Ton',
  'join.tab.begin': 'Auswählen, was geteilt wird',
  'tab.none':
    'Der Browser hat keinen Ton gegeben. Teilen Sie noch einmal, wählen Sie einen Tab oder den ganzen Bildschirm und ' +
    'schalten Sie ein, dass auch der Ton geteilt wird. Einzelne Fenster haben meist keinen.',
  'tab.unsupported': 'Dieser Browser kann den Ton eines Tabs nicht teilen. Chrome und Edge am Computer können es.',
  'tab.NotAllowedError': 'Nichts wird geteilt: Die Auswahl wurde abgebrochen, oder der Browser erlaubt es nicht.',
  'tab.NotReadableError': 'Das System gibt diesem Browser den Ton nicht. Wählen Sie einen einzelnen Tab.',
  'tab.other': 'Der Ton konnte nicht geteilt werden ({name}).',
  'tab.ended': 'Das Teilen ist zu Ende: Es wurde im Browser beendet, oder was geteilt wurde, ist geschlossen.',
  'tab.away':
    'Die Verbindung für den Ton, den Sie teilen, ist verloren. Er bleibt hier und wird gesendet, sobald es wieder ' +
    'eine gibt.',

  // The connection
  'connection.saved': 'Gespeichert',
  'connection.failed': 'Getrennt',
  'connection.connecting': 'Verbindet …',
  'connection.connecting.buffered': 'Verbindet – Ihr Ton ist sicher, {seconds} s gepuffert',
  'connection.reconnecting': 'Verbindet neu – was Sie sehen, bleibt',
  'connection.reconnecting.buffered': 'Verbindet neu – Ihr Ton ist sicher, {seconds} s gepuffert',
  'connection.silent': 'Der Server antwortet nicht – was Sie sehen, bleibt',
  'connection.silent.buffered': 'Der Server antwortet nicht – Ihr Ton ist sicher, {seconds} s gepuffert',
  'connection.finishing': 'Die letzten Worte kommen noch …',
  'connection.live': 'Live',
  'connection.muted': 'Live — Ihr Mikrofon ist stumm',
  'connection.behind': 'Live – holt auf, {seconds} s sind zu senden',
  'connection.waiting': 'Wartet, bis jemand beginnt',
  'lag.text': 'Text {seconds} s zurück',
  'lag.details':
    'Worte sind {words} s und Personen {speakers} s zurück; das Rechnen braucht {percent} der Zeit, die vergeht.',
  'busy.rare': 'Der Server hat viel zu tun: Text wächst seltener, während jemand spricht. Nichts geht verloren.',
  'busy.none': 'Der Server hat sehr viel zu tun: Text erscheint, sobald ein Satz zu Ende ist. Nichts geht verloren.',
  'busy.rough':
    'Der Server hat sehr viel zu tun: Text erscheint, sobald ein Satz zu Ende ist, und wer spricht, ist bis zum ' +
    'Schluss ungenauer. Nichts geht verloren.',
  'busy.models':
    'Die Modelle auf anderen Rechnern antworten zurzeit nicht. Sprechen Sie weiter: Ihr Ton ist sicher, und der Text ' +
    'folgt, sobald sie es wieder tun.',
  'warning.recovering':
    'Der Server wurde unterbrochen und liest noch einmal, was er hat. Sprechen Sie weiter: Ihr Ton ist sicher, und ' +
    'der Text folgt.',
  'warning.loading':
    'Die Modelle werden noch geladen. Sprechen Sie weiter: Nichts geht verloren, und der Text folgt, sobald sie ' +
    'bereit sind.',
  'warning.saved-again': 'Der Server kann wieder speichern: Alles, was gehört wurde, wird gespeichert.',
  'problem.link': 'Dieser Link erlaubt das nicht. Bitten Sie die Gastgeberin oder den Gastgeber um einen neuen.',
  'problem.forgotten':
    'Der Server kennt diese Aufnahme nicht mehr, sie kann hier nicht weitergehen. Sie können mitlesen.',
  'problem.elsewhere': 'Ihr Mikrofon wird jetzt von einer anderen Seite gesendet. Hier können Sie mitlesen.',
  'problem.too-large':
    'Der Server hat ein Stück Ton als zu groß abgelehnt. Laden Sie die Seite neu, um weiterzumachen.',
  'problem.full': 'Gerade ist kein Platz. Warten Sie etwas, und versuchen Sie es dann noch einmal.',
  'problem.full.why': 'Gerade ist kein Platz ({why}). Warten Sie etwas, und versuchen Sie es dann noch einmal.',
  'problem.ended':
    'Der Server hat die Verbindung beendet. Versuchen Sie es noch einmal; wenn es wieder geschieht, sehen Sie in ' +
    'das Protokoll des Servers.',
  'problem.ended.why':
    'Der Server hat die Verbindung beendet ({why}). Versuchen Sie es noch einmal; wenn es wieder geschieht, sehen ' +
    'Sie in das Protokoll des Servers.',
  'problem.read-along': 'Mitlesen',
  'problem.lost': 'Die Verbindung war zu lange weg: {seconds} s Ton konnten nicht aufbewahrt werden.',
  'problem.interrupted':
    'Diese Besprechung wurde beendet, von ihrem Gastgeber oder vom Server. Was bis dahin zu hören war, ist aufbewahrt.',
  'problem.interrupted.unsent':
    'Diese Besprechung wurde beendet, von ihrem Gastgeber oder vom Server. Was bis dahin zu hören war, ist ' +
    'aufbewahrt. Die letzten {seconds} s Ihres Tons haben ihn nicht erreicht.',

  // Captions
  'captions.label': 'Untertitel',

  // The microphone
  'microphone.silent':
    'Von diesem Mikrofon kommt kein Ton. Ist es stumm geschaltet? Unten können Sie ein anderes wählen.',
  'microphone.paused': 'Das System hat das Mikrofon angehalten. Kehren Sie zu dieser Seite zurück, um weiterzumachen.',
  'microphone.taken':
    'Das System hat das Mikrofon weggenommen, vielleicht für einen Anruf. Was jetzt gesagt wird, wird ' +
    'nicht gehört; es geht von selbst weiter, sobald das Mikrofon zurück ist.',
  'microphone.unplugged': 'Das Mikrofon wurde abgezogen. Wählen Sie unten ein anderes; die Besprechung läuft weiter.',
  'microphone.insecure':
    'Browser geben das Mikrofon nur Seiten mit https oder auf localhost. Öffnen Sie diese Seite als ' +
    'http://localhost, oder betreiben Sie den Server hinter https.',
  'microphone.NotAllowedError':
    'Diese Seite darf das Mikrofon nicht benutzen. Erlauben Sie es in der Adresszeile des Browsers, und versuchen ' +
    'Sie es noch einmal.',
  'microphone.NotFoundError':
    'Es wurde kein Mikrofon gefunden. Schließen Sie eines an, und versuchen Sie es noch einmal, oder hören Sie das ' +
    'Beispiel an.',
  'microphone.NotReadableError':
    'Ein anderes Programm benutzt das Mikrofon. Schließen Sie es, und versuchen Sie es noch einmal.',
  'microphone.OverconstrainedError': 'Dieses Mikrofon ist nicht mehr da. Wählen Sie ein anderes.',
  'microphone.other': 'Das Mikrofon ließ sich nicht öffnen ({name}).',

  // Who said what
  'who.line': 'Wer hat das gesagt?',
  'who.speaker': 'Wer ist {name}?',
  'who.name': 'Name',
  'who.same': 'Dieselbe Person wie',
  'who.nobody': 'Niemand sonst hier',
  'who.lines': { one: 'Diese Zeile', other: 'Diese Zeilen' },
  'who.text-at': 'Was bei {time} gesagt wurde',
  'who.speaker-at': 'Wer es bei {time} gesagt hat',
  'who.partly': 'Nur ein Teil ist gespeichert. {why}',
  'who.remember': 'Diese Stimme merken',
  'who.remember.why':
    'Spätere Besprechungen zeigen diesen Namen, wo sie die Stimme wiedererkennen. Dafür bleibt auf diesem Server, ' +
    'wie die Stimme klingt, bis jemand sie vergessen lässt. Fragen Sie die Person vorher.',
  'who.remembered': 'Diese Stimme ist als {name} gemerkt.',
  'who.forgotten': 'Vergessen. Von dieser Stimme ist nichts mehr gespeichert.',
  'who.recognized': 'Die Stimme wurde als {name} wiedererkannt. Stimmt das?',
  'who.recognized.right': 'Ja',
  'who.recognized.wrong': 'Nein, Namen wegnehmen',

  // Voices that are kept
  'voices.title': 'Stimmen',
  'voices.how':
    'Stimmen, die auf Wunsch gemerkt wurden. Besprechungen zeigen ihre Namen, wo sie sie wiedererkennen. Namen in ' +
    'Besprechungen, die vorbei sind, bleiben, wie sie sind.',
  'voices.why': 'Die gemerkten Stimmen sieht, wer das Token des Servers hat.',
  'voices.empty': 'Keine Stimme ist gemerkt. Drücken Sie in einer Besprechung auf einen Namen, um das zu wünschen.',
  'voices.name': 'Name der Stimme {name}',
  'voices.heard': { one: 'in {count} Besprechung gehört', other: 'in {count} Besprechungen gehört' },
  'voices.since': 'gemerkt seit: {day}',
  'voices.unused': 'Zurzeit unbenutzt: Sie stammt vom Modell {model}, und ein anderes arbeitet.',
  'voices.forget': 'Vergessen',
  'voices.forget.name': 'Die Stimme von {name} vergessen',
  'voices.forget.title': 'Die Stimme von {name} vergessen?',
  'voices.forget.text':
    'Wie die Stimme klingt, wird endgültig gelöscht: Spätere Besprechungen erkennen sie nicht mehr. Namen in ' +
    'Besprechungen, die vorbei sind, bleiben, wie sie sind.',
  'voices.failed': 'Die Stimmen ließen sich nicht laden. {why}',

  // Links
  'share.title': 'Diese Besprechung teilen',
  'share.term': 'Ein neuer Link gilt',
  'share.term.kept': 'solange die Besprechung aufbewahrt wird',
  'share.term.day': 'einen Tag',
  'share.term.week': 'eine Woche',
  'share.term.month': '30 Tage',
  'share.link': 'Der Link',
  'share.code': 'QR-Code dieses Links',
  'share.given': 'Ausgegebene Links',
  'share.view.copy': 'Link zum Mitlesen kopieren',
  'share.view.what': 'Wer ihn hat, kann mitlesen.',
  'share.view.made': 'Zum Mitlesen, erstellt: {made}',
  'share.view.revoke': 'Den Link zum Mitlesen widerrufen, erstellt: {made}',
  'share.speak.copy': 'Link zum Sprechen kopieren',
  'share.speak.what': 'Wer ihn hat, kann mitlesen und ist zu hören.',
  'share.speak.made': 'Zum Sprechen, erstellt: {made}',
  'share.speak.revoke': 'Den Link zum Sprechen widerrufen, erstellt: {made}',
  'share.host.copy': 'Link zum Leiten kopieren',
  'share.host.what': 'Wer ihn hat, kann alles, was Sie hier können.',
  'share.host.made': 'Zum Leiten, erstellt: {made}',
  'share.host.revoke': 'Den Link zum Leiten widerrufen, erstellt: {made}',
  'share.captions.copy': 'Link für Untertitel kopieren',
  'share.captions.what': 'Große Untertitel für Beamer, zweiten Bildschirm oder Streaming-Programm.',
  'share.captions.open': 'Untertitel öffnen.',
  'share.until': '{link}, gilt bis: {until}',
  'share.yours': '{link} (Ihrer)',
  'share.revoke': 'Widerrufen',
  'share.copied': 'Kopiert. Der Link ist nur jetzt zu sehen: Wer ihn hat, kommt herein.',
  'share.copy-now': 'Kopieren Sie diesen Link jetzt, er ist danach nicht mehr zu sehen: Wer ihn hat, kommt herein.',
  'share.revoked': 'Widerrufen: Dieser Link öffnet nichts mehr.',

  // Notes
  'notes.title': 'Notizen',
  'notes.summary': 'Zusammenfassung',
  'notes.decisions': 'Entscheidungen',
  'notes.actions': 'Aufgaben',
  'notes.none': 'Keine.',
  'notes.doubtful': 'zweifelhaft',
  'notes.doubtful.text':
    'Ein zweifelhafter Satz nennt keine Zeile dieser Besprechung, oder er hat mit den Zeilen, die er nennt, kein ' +
    'aussagekräftiges Wort gemeinsam. Das ist nur grob geprüft: Drücken Sie auf eine Zeit, und lesen Sie nach.',
  'notes.by': 'Geschrieben vom Sprachmodell {model} auf {host}, das sich irren kann.',
  'notes.incomplete': 'Es hat abgebrochen: Etwas kann fehlen.',
  'notes.outdated': 'Das Transkript hat sich seither geändert.',
  'notes.place.here':
    'Für Notizen wird das Transkript an das Sprachmodell {model} auf {host} gesendet, auf dem Rechner dieses ' +
    'Servers selbst.',
  'notes.place.there':
    'Für Notizen wird das Transkript an das Sprachmodell {model} auf {host} gesendet, auf einem anderen Rechner.',
  'notes.place.open': 'Der Weg dorthin ist nicht verschlüsselt.',
  'notes.place.reader': 'Wer es betreibt, kann das lesen.',
  'notes.make': 'Notizen erstellen',
  'notes.make.again': 'Neu erstellen',
  'notes.ask': 'Notizen zu dieser Besprechung erstellen?',
  'notes.ask.again': 'Die Notizen neu erstellen?',
  'notes.ask.what': 'Das sind der Titel, der Tag, die Namen und alles, was gesagt wurde.',
  'notes.ask.instead': 'Was es schreibt, tritt an die Stelle dieser Notizen.',
  'notes.stop': 'Anhalten',
  'notes.delete': 'Notizen löschen',
  'notes.delete.ask': 'Diese Notizen löschen?',
  'notes.delete.text': 'Das Transkript bleibt, wie es ist.',
  'notes.delete.no': 'Behalten',
  'notes.waiting': 'Gleich werden Notizen geschrieben …',
  'notes.writing': 'Notizen werden geschrieben …',
  'notes.writing.part': 'Notizen werden geschrieben, Teil {part} von {parts} …',
  'notes.merging': 'Die Notizen aller Teile werden zusammengefügt …',
  'notes.ready': 'Die Notizen sind fertig.',
  'notes.failed': 'Die Notizen wurden nicht erstellt. {why}',
  'notes.refused': 'Das war nicht möglich. {why}',
  'notes.line': 'Zur Zeile bei {time}',

  // Files
  'export.button': 'Export',
  'export.failed': 'Die Datei wurde nicht gespeichert. {why}',
  'export.docx': 'Word',
  'export.docx.hint': 'Bearbeiten und drucken',
  'export.html': 'Webseite',
  'export.html.hint': 'Überall lesbar',
  'export.csv': 'CSV',
  'export.csv.hint': 'Für Tabellen',
  'export.preview': 'Vorschau',
  'export.preview.hint': 'Ein Format erst ansehen',
  'preview.title': 'Vorschau der Datei',
  'preview.format': 'Format',
  'preview.waiting': 'Die Datei wird erstellt …',
  'preview.more': 'Nur der Anfang wird gezeigt. Die Datei geht weiter.',
  'export.srt': 'SRT',
  'export.srt.hint': 'Untertitel',
  'export.vtt': 'WebVTT',
  'export.vtt.hint': 'Untertitel fürs Web',
  'export.txt': 'Text',
  'export.txt.hint': 'Zum Lesen und Verschicken',
  'export.md': 'Markdown',
  'export.md.hint': 'Für Notizen und Wikis',
  'export.json': 'JSON',
  'export.json.hint': 'Alles, Wort für Wort',
  'export.rttm': 'RTTM',
  'export.rttm.hint': 'Wer wann sprach',
  'export.seglst': 'SegLST',
  'export.seglst.hint': 'Für Auswertungen',

  // Errors by the server’s codes, for those whose code says all
  'error.busy': 'Diese Besprechung wird schon aufgenommen.',
  'error.forbidden': 'Ihr Link erlaubt das nicht.',
  'error.internal': 'Im Server ist etwas schiefgegangen. Sein Protokoll sagt, was.',
  'error.live': 'Die Besprechung läuft noch.',
  'error.loading': 'Die Modelle werden noch geladen.',
  'error.lost': 'Was von dieser Aufnahme auf der Festplatte des Servers ist, lässt sich nicht noch einmal hören.',
  'error.name_taken':
    'Unter diesem Namen ist eine andere Stimme gemerkt: Vergessen Sie diese erst, oder geben Sie einen anderen Namen.',
  'error.no_audio': 'Der Ton dieser Besprechung ist nicht aufbewahrt, darum lässt sich die Stimme nicht mehr hören.',
  'error.no_name': 'Geben Sie dieser Stimme einen Namen, bevor sie gemerkt wird.',
  'error.no_tokens': 'Dieser Server verlangt keine Token: Die Adresse einer Besprechung ist ihr Link.',
  'error.not_final': 'Diese Zeile wird noch gehört. Ändern Sie sie, sobald sie vollständig ist.',
  'error.not_found': 'Das ist nicht mehr da.',
  'error.not_live': 'Die Besprechung hat nicht begonnen: Es gibt nichts zu beenden.',
  'error.outdated': 'Diese Zeile hat sich inzwischen geändert. Sehen Sie sie sich noch einmal an.',
  'error.overloaded': 'Der Server hat so viele Verbindungen, wie er tragen kann. Versuchen Sie es gleich noch einmal.',
  'error.elsewhere': 'Diese Besprechung ist auf einem anderen Server. Laden Sie diese Seite neu.',
  'error.moving': 'Die Besprechung zieht auf einen anderen Server um. Versuchen Sie es gleich noch einmal.',
  'error.recovering': 'Der Server stellt wieder her, was er von abgebrochenen Besprechungen hat.',
  'error.removed': 'Diese Tonquelle wurde von der Gastgeberin oder dem Gastgeber aus der Besprechung entfernt.',
  'error.running': 'Das wird schon gemacht.',
  'error.storage': 'Der Server kann gerade nicht speichern, vielleicht weil seine Festplatte voll ist.',
  'error.storage_ok': 'Alles kann wieder gespeichert werden.',
  'error.too_large': 'Das ist mehr, als der Server auf einmal annimmt.',
  'error.too_little':
    'Von dieser Stimme allein war noch zu wenig zu hören: Zehn Sekunden sind nötig, um sie sich zu merken.',
  'error.too_long': 'Die Besprechung hat ihre größte Länge erreicht und wird beendet.',
  'error.too_many':
    'Der Server nimmt davon im Moment nicht mehr an. Warten Sie etwas, und versuchen Sie es dann noch einmal.',
  'error.unauthorized': 'Das öffnet sich nur mit einem Link oder einem Token.',
}
