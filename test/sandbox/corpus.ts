// The senders, subjects and texts of the made-up mailbox. Every name, company and domain is invented.
// Words in braces are filled in by generate.ts.

export interface Kind {
  /** How often the kind occurs, in relation to the others. */
  readonly weight: number;
  readonly senders: readonly string[];
  readonly subjects: readonly string[];
  readonly bodies: readonly string[];
  readonly category?: 'PERSONAL' | 'SOCIAL' | 'PROMOTIONS' | 'UPDATES' | 'FORUMS';
  readonly listId?: string;
  readonly attachment?: { readonly share: number; readonly filename: string; readonly mimeType: string };
  /** A label of the user that the kind often carries. */
  readonly userLabel?: { readonly name: string; readonly share: number };
  readonly unreadShare: number;
  readonly importantShare: number;
  /** The share that is still in the inbox after a year. */
  readonly keptShare: number;
}

export const PEOPLE: readonly string[] = [
  'Jonas Weber <jonas.weber@example.com>',
  'Jürgen Größmann <j.groessmann@nord-sued.example>',
  'Birgit Süßmuth <birgit@nord-sued.example>',
  'Łukasz Wójcik <lukasz@wojcik.example>',
  'Małgorzata Żółkiewska <gosia@zolkiewska.example>',
  '山田 花子 <hanako@yamada.example>',
  'Renée Lefèvre <renee@atelier-lefevre.example>',
  'دانيال الهادي <danyal@hadi.example>',
  'דנה ברק <dana@barak.example>',
  'Mia 🌸 Lindqvist <mia@lindqvist.example>',
  'Tom Okafor <tom@okafor.example>',
  'Mama <mum@family.example>',
  'Grandpa Joe <joe@family.example>',
];

export const CONVERSATION: Kind = {
  weight: 22,
  senders: PEOPLE,
  subjects: [
    'Lunch on {weekday}?',
    'Photos from {city}',
    'Draft of the contract, round {digit}',
    'Wie war’s in {city}?',
    'Angebot für die Büroräume',
    'Termin am {weekday} – geht das?',
    'Zażółć gęślą jaźń – notatki ze spotkania',
    'Spotkanie w {weekday}',
    '会議の議事録について',
    '来週の予定 📅',
    'موعد الاجتماع القادم',
    'תמונות מהטיול',
    'Happy birthday! 🎉🎂',
    'Minutes of our call',
    'Keys, cat and plants 🪴',
    'Quick question about {city}',
  ],
  bodies: [
    'Hi Alice, does {weekday} suit you? Otherwise any day after that is fine with me.',
    'The train to {city} was late again, but the pictures came out well. More of them soon.',
    'Liebe Grüße aus {city}! Wir melden uns, sobald wir zurück sind. Die Schlüssel liegen beim Nachbarn.',
    'Please have a look at the second page before {weekday}; the amount of {amount} is what we agreed.',
    'Dziękuję za szybką odpowiedź. Do zobaczenia w {weekday}!',
    '資料を確認しました。{weekday}までにご返信ください。',
    'שלום, נדבר ביום ראשון.',
    'The notes are here: https://docs.google.com/document/d/example-{number}/edit',
  ],
  category: 'PERSONAL',
  attachment: { share: 0.12, filename: 'photo-{number}.jpg', mimeType: 'image/jpeg' },
  userLabel: { name: 'Family', share: 0.1 },
  unreadShare: 0.06,
  importantShare: 0.6,
  keptShare: 0.3,
};

export const KINDS: readonly Kind[] = [
  CONVERSATION,
  {
    weight: 26,
    senders: [
      'Blumen & Beete <news@blumen-beete.example>',
      'Trailhead Outfitters <offers@trailhead.example>',
      'Kaffeerösterei Süd <post@roesterei-sued.example>',
      'The Paper Shop <hello@papershop.example>',
      'Cinéma Étoile <programme@cinema-etoile.example>',
    ],
    subjects: [
      '{percent}% off until {weekday}',
      'Weekly picks: the best of {city}',
      'Newsletter no. {number}',
      'Frühlingsangebote für Ihren Balkon 🌷',
      'Le programme de la semaine à {city}',
      'Last chance: free delivery ends on {weekday}',
    ],
    bodies: [
      'Only this week: {percent}% off everything in store. To unsubscribe, follow the link below.',
      'New in our shop: things you did not know you needed, from {amount}. Unsubscribe at any time.',
      'Neu eingetroffen und nur für kurze Zeit. Abmelden können Sie sich mit einem Klick.',
    ],
    category: 'PROMOTIONS',
    listId: '<newsletter.{domain}>',
    unreadShare: 0.6,
    importantShare: 0.02,
    keptShare: 0.7,
  },
  {
    weight: 10,
    senders: [
      'Möbelhaus Eiche <service@moebel-eiche.example>',
      'Gadget Garden <orders@gadget-garden.example>',
      'Book Nook <orders@booknook.example>',
    ],
    subjects: [
      'Your order {number} has been shipped',
      'Invoice {number}',
      'Rechnung {number} über {amount}',
      'Faktura nr {number}',
      '請求書 {number}',
      'Receipt for your payment of {amount}',
    ],
    bodies: [
      'Thank you for your order {number}. The invoice over {amount} is attached as a PDF.',
      'Vielen Dank für Ihre Bestellung {number}. Die Rechnung über {amount} finden Sie im Anhang.',
    ],
    category: 'UPDATES',
    attachment: { share: 0.6, filename: 'invoice-{number}.pdf', mimeType: 'application/pdf' },
    userLabel: { name: 'Receipts 2024', share: 0.15 },
    unreadShare: 0.2,
    importantShare: 0.2,
    keptShare: 0.4,
  },
  {
    weight: 6,
    senders: ['Sparbank Tal <info@sparbank-tal.example>', 'Harbour Credit Union <alerts@harbour-cu.example>'],
    subjects: ['Your statement for {month} is ready', 'Payment of {amount} received', 'Kontoauszug {month}'],
    bodies: ['A payment of {amount} was booked to the account ending in {digit}{digit}{digit}{digit}.'],
    category: 'UPDATES',
    attachment: { share: 0.3, filename: 'statement-{number}.pdf', mimeType: 'application/pdf' },
    userLabel: { name: 'keep', share: 0.25 },
    unreadShare: 0.15,
    importantShare: 0.5,
    keptShare: 0.5,
  },
  {
    weight: 8,
    senders: [
      'Cloudburst Hosting <no-reply@cloudburst.example>',
      'Harbour Credit Union <security@harbour-cu.example>',
      'Ticketly <no-reply@ticketly.example>',
    ],
    subjects: ['Your verification code is {code}', 'Your login code: {code}', '{code} ist Ihr Bestätigungscode'],
    bodies: ['Enter {code} to sign in. The code is valid for ten minutes. Nobody from us will ever ask for it.'],
    category: 'UPDATES',
    unreadShare: 0.1,
    importantShare: 0.05,
    keptShare: 0.8,
  },
  {
    weight: 8,
    senders: ['Buildbot <builds@ci.example>', 'Uptime Watch <alerts@uptime-watch.example>'],
    subjects: ['[{city}] Build {number} failed', '[{city}] Build {number} passed', 'Alert: check {number} is down'],
    bodies: ['Job {number} finished after {digit} minutes. The log is kept for {percent} days.'],
    category: 'UPDATES',
    unreadShare: 0.45,
    importantShare: 0.1,
    keptShare: 0.5,
  },
  {
    weight: 9,
    senders: ['Kim Novak <kim@novak.example>', 'Søren Bæk <soren@baek.example>', 'R. Iyer <iyer@sailing.example>'],
    subjects: [
      '[sailing] Regatta on {weekday}',
      '[sailing] Re: Looking for crew',
      '[sailing] Mooring {number} is free',
    ],
    bodies: ['Who would like to come along to {city}? Two places are left. You get this mail as a member of the list.'],
    category: 'FORUMS',
    listId: 'Sailing club <announce.sailing.example>',
    userLabel: { name: 'Lists/Sailing', share: 0.2 },
    unreadShare: 0.5,
    importantShare: 0.05,
    keptShare: 0.6,
  },
  {
    weight: 3,
    senders: ['Polaris Rail <tickets@polaris-rail.example>', 'Hôtel du Lac <reservation@hotel-du-lac.example>'],
    subjects: ['Your trip to {city}: booking {number}', 'Confirmation de réservation {number}', 'Check-in is open ✈️'],
    bodies: ['Your journey to {city} on {weekday} is confirmed. Booking {number}, {amount} in all.'],
    category: 'UPDATES',
    attachment: { share: 0.7, filename: 'ticket-{number}.pdf', mimeType: 'application/pdf' },
    userLabel: { name: 'Travel', share: 0.4 },
    unreadShare: 0.1,
    importantShare: 0.4,
    keptShare: 0.3,
  },
  {
    weight: 8,
    senders: ['Chirper <notify@chirper.example>', 'Linkwell <updates@linkwell.example>'],
    subjects: [
      '{digit} people looked at your profile',
      'Tom Okafor mentioned you',
      'You have {digit} new followers 👋',
    ],
    bodies: ['See what is new since {weekday}. You can turn these mails off in your settings.'],
    category: 'SOCIAL',
    unreadShare: 0.55,
    importantShare: 0.02,
    keptShare: 0.6,
  },
];

export const SPAM: Kind = {
  weight: 0,
  senders: ['PRIZE DESK <winner@prize-desk.example>', 'Dr. Cash <dr@quick-cash.example>'],
  subjects: ['You have WON {amount}!!!', 'Re: your unpaid parcel {number}', '💰💰 Act before {weekday} 💰💰'],
  bodies: ['Dear friend, send us {amount} and receive a hundred times as much by {weekday}.'],
  unreadShare: 1,
  importantShare: 0,
  keptShare: 0,
};

/** Mail that is hard to show: markup, formulas, terminal escapes, text that changes direction, very long subjects. */
export const NASTY: readonly { readonly from: string; readonly subject: string }[] = [
  { from: 'Mallory <mallory@mischief.example>', subject: '<script>alert(1)</script>' },
  {
    from: '"><img src=x onerror=alert(2)> <img@mischief.example>',
    subject: 'Picture of the day "><svg onload=alert(3)>',
  },
  { from: 'Mallory <mallory@mischief.example>', subject: '' },
  { from: 'Endless <endless@mischief.example>', subject: 'And then he said that '.repeat(120).trim() },
  { from: 'Sheet <sheet@mischief.example>', subject: '=HYPERLINK("https://mischief.example/";"Open")' },
  { from: 'Terminal <tty@mischief.example>', subject: '\u001b[31mred\u001b[0m\u0007 and \u001b]0;title\u0007' },
  { from: 'Override <rtl@mischief.example>', subject: 'Contract \u202efdp.exe\u202c for you' },
  { from: 'Joined <zwj@mischief.example>', subject: 'The family 👨‍👩‍👧‍👦 says hi 🏳️‍🌈 e\u0301te\u0301 \u200b' },
  {
    from: 'no-name@mischief.example',
    subject: '&lt;b&gt;Tom &amp; Jerry&lt;/b&gt; {{constructor}} \u0024{7*7} %s %00',
  },
];
