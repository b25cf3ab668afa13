import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseQuery } from '../../../../lib/gmail/query/parse.ts';
import { QueryError } from '../../../../lib/gmail/query/tokens.ts';

/** Terms of every operator as Google documents them, and as people write them in public projects. */
const RIGHT = [
  ...['older_than:14d', 'newer_than:2d', 'older_than:6m', 'OLDER_THAN:1Y', 'newer_than:"30d"'],
  ...['after:2004/04/16', 'after:04/16/2004', 'before:2024/2/29', 'older:2024-1-5', 'newer:1/5/2024'],
  ...['after:1735689600', 'before:999999999', 'after:"2024/12/31"'],
  ...['larger:10M', 'smaller:500K', 'larger:5m', 'size:1000000'],
  ...['is:unread', 'is:read', 'is:starred', 'is:important', 'is:muted', 'is:snoozed', 'is:sent', 'IS:Chat', 'is:draft'],
  ...['has:attachment', 'has:drive', 'has:document', 'has:spreadsheet', 'has:presentation', 'has:youtube'],
  ...['has:userlabels', 'has:nouserlabels', 'has:yellow-star', 'has:red-bang', 'has:orange-guillemet', 'has:blue-info'],
  ...['category:primary', 'category:social', 'category:Promotions', 'category:updates', 'category:forums'],
  ...['category:reservations', 'category:purchases', 'category:personal'],
  ...['in:inbox', 'in:anywhere', 'in:archive', 'in:snoozed', 'in:sent', 'in:drafts', 'in:chats', 'in:any-label'],
  ...['label:work', 'label:"A&E (old)"', 'label:a/b-c', 'label:-urgent-', 'label:^smartlabel_receipt', 'l:^ss_sy'],
  ...['from:me', 'from:@example.com', 'from:example.com', 'from:"Crate and Barrel"', 'to:bob+x@example.com'],
  ...['from:(bed and breakfast)', 'cc:bob', 'bcc:bob', 'deliveredto:bob@example.com', 'list:<news.example.com>'],
  ...[
    'rfc822msgid:200503292@example.com',
    'rfc822msgid:<a.b@c.example>',
    'rfc822msgid:<20240101.ABC>',
    'rfc822msgid:x',
    'filename:pdf',
    'filename:homework.txt',
  ],
  ...[
    'subject:dinner',
    'subject:"order no:12345"',
    'subject:(dinner movie)',
    'subject:(Re: OR Fwd:)',
    '(Fwd:)',
    'subject:(this or that)',
    'subject:foo:bar',
  ],
  ...[
    'dinner',
    '"AND NOT"',
    '"is:stared"',
    '"“quoted”"',
    '"NOT"',
    '"no-break\u00a0space"',
    '+unicorn',
    'C++',
    'R&D',
    '50%',
  ],
  ...[
    "O’Brien's",
    'don’t',
    'drivers’ meeting',
    'l‘Oréal',
    'pages 1–3',
    'e–mail',
    'Grüße',
    '日本',
    '订单：123',
    '重要（注意）',
    '👩‍👧',
    'می‌خواهم',
  ],
  ...[
    '12:30',
    '3:16',
    'https://example.com/?a=1',
    'a/b',
    '#42',
    'rock’n’roll',
    'one or two',
    'a and b',
    'do not',
    "it's",
  ],
];

/** A search → the message of the refusal, and its nearest right spelling. */
const WRONG: readonly (readonly [query: string, said: RegExp])[] = [
  ['newer_than:2w', /weeks are unknown to Gmail: write newer_than:14d/],
  ['older_than:2weeks', /weeks are unknown.* older_than:14d/],
  ['older_than:2 weeks', /weeks are unknown.* older_than:14d/],
  ['older_than:48h', /hours are unknown.* older_than:2d/],
  ['older_than:90min', /minutes are unknown.* older_than:1d/],
  ['newer_than:30', /no unit.* newer_than:30d/],
  ['older_than:30 days', / older_than:30d/],
  ['older_than:30days', / older_than:30d/],
  ['older_than:"1 year"', / older_than:1y/],
  ['older_than:3mo', / older_than:3m/],
  ['older_than:1.5y', / older_than:18m/],
  ['older_than:>30d', / older_than:30d/],
  ['older_than:-30d', /write older_than:30d$/],
  ['older_than:１４d', /U\+FF11.* older_than:14d/],
  ['older_than:yesterday', /no age.*older_than:14d/],
  ['older_than:1y6m', /no age/],
  ['older_than:2024/01/31', /date in place of an age: write older:2024\/01\/31/],
  ['newer_than:2024-01-31', /write newer:2024\/01\/31/],
  ['after:last week', /no date.*after:2026\/01\/31.*newer_than:7d/],
  ['before:yesterday', /no date.*older_than:7d/],
  ['older:14d', /age in place of a date: write older_than:14d/],
  ['after:2w', /age in place of a date: write newer_than:14d/],
  ['after:31/12/2024', / after:2024\/12\/31/],
  ['after:2024.12.31', / after:2024\/12\/31/],
  ['after:31.12.2024', / after:2024\/12\/31/],
  ['after:12-31-2024', / after:2024\/12\/31/],
  ['after:20241231', / after:2024\/12\/31/],
  ['after:2024-12-31T10:00:00Z', / after:2024\/12\/31/],
  ['after:2024/2/30', /no day of the calendar/],
  ['before:2023-02-29', /no day of the calendar/],
  ['before:13/13/2024', /no day of the calendar/],
  ['after:2024', /no date/],
  ['after:2024/12', /no date/],
  ['after:24/12/31', /no date/],
  ['after:1735689600000', /milliseconds.* after:1735689600$/],
  ['after:2024/01/01 12:00', /seconds since 1970/],
  ['smaller:5MiB', / smaller:5M$/],
  ['larger:5MB', / larger:5M$/],
  ['larger:5 MB', /followed by its unit.* larger:5M$/],
  ['larger:500kb', / larger:500K$/],
  ['larger:1G', / larger:1024M$/],
  ['larger:1.5M', / larger:1536K$/],
  ['larger:10,000,000', / larger:10000000$/],
  ['larger:>10M', / larger:10M$/],
  ['larger:big', /no size/],
  ['size:-1', /no size: write for example size:5M$/],
  ['is:stared', / is:starred$/],
  ['is:star', / is:starred/],
  ['is:flagged', / is:starred$/],
  ['is:Unred', / is:unread$/],
  ['is:unseen', / is:unread$/],
  ['is:-starred', / -is:starred$/],
  ['is:starred,', / is:starred$/],
  ['is:archived', / in:archive$/],
  ['is:attachment', / has:attachment$/],
  ['is:promotions', / category:promotions$/],
  ['is:st\u0430rred', /U\+0430.* is:starred$/],
  ['is:nonsense', /takes unread, read, starred/],
  ['is:constructor', /is unknown to Gmail/],
  ['has:star', /has:yellow-star/],
  ['has:attachments', / has:attachment$/],
  ['has:yellow_star', / has:yellow-star$/],
  ['has:unread', / is:unread$/],
  ['has:pdf', / filename:pdf$/],
  ['has:labels', / has:userlabels$/],
  ['has:drive&has:document', /second operator/],
  ['category:promotion', / category:promotions$/],
  ['category:inbox', / in:inbox$/],
  ['category:travel', /takes primary/],
  ['in:^os', /another operator: write label:\^os$/],
  ['rfc822msgid:18f0abc012345678', /the id that Gmail gives/],
  ['rfc822msgid:"a b"', /no Message-ID/],
  ['-is:(starred unred)', / is:unread$/],
  ['category:{promotions promotion}', / category:promotions$/],
  ['-{in:inbox (x is:"stared")}', / is:starred$/],
  ['older_than:(14d OR 2w)', / older_than:14d$/],
];

/** Words that people mistake for Gmail's operators or values. */
const MISTAKEN: readonly (readonly [query: string, said: RegExp])[] = [
  ['NOT category:promotions', /write -category:promotions, or "NOT" for the word itself/],
  ['x NOT (a b)', /write -\(…\)/],
  ['x AND NOT "a b"', /write -"a b"/],
  ['subject:(DO NOT REPLY)', /subject:"DO NOT REPLY"/],
  ['not is:starred', /write -is:starred/],
  ['is:starred or label:keep', /write OR, or "or"/],
  ['is:starred Or important', /write OR/],
  ['(a b) and (c d)', /write AND/],
  ['"a b" or "c d"', /write OR/],
  ['from:a | from:b', /write OR/],
  ['from:a && from:b', /write AND/],
  ['from:(alice or bob)', /write OR/],
  ['label:(a and b)', /write AND/],
  ['is:(starred or unread)', /write OR/],
  ['ALL AROUND THE WORLD', /AROUND without a number/],
  ['!is:starred', /write -is:starred/],
  ['--is:starred', /more than one minus/],
  ['from:-bob', /write -from:bob/],
  ['from:-(a b)', /write -from:\(…\)/],
  ['a - (b c)', /write -\(…\)/],
  ['from:a|from:b', /second operator/],
  ['is=starred', /write is:starred/],
  ['older-than=14d', /write older_than:14d/],
  ["'is:starred'", /write is:starred/],
  ["subject:'foo bar'", /write "foo bar"/],
  ['`x`', /write "x"/],
  ['form:alice', /did you mean "from:"/],
  ['older-than:14d', /did you mean "older_than:"/],
  ['catagory:social', /did you mean "category:"/],
  ['iss:unread', /did you mean "is:"/],
  ['sender:alice', /did you mean "from:"/],
  ['tag:keep', /did you mean "label:"/],
  ['lable: keep', /did you mean "label:"/],
  ['\u0456s:starred', /U\+0456/],
  ['regarding:contract', /"regarding:" is no search operator, .* quotes: "regarding:contract"/],
  ['ticket id:42', /"id:" is no search operator, .* quotes: "id:42"/],
  ['order:12345', /no search operator, .* quotes: "order:12345"/],
  ['subject:(order no:12345)', /quotes: subject:"order no:12345"/],
  ['subject:(Invoice - March)', /quotes: subject:"Invoice - March"/],
  ['subject:(Invoice – March)', /U\+2013.* quotes: subject:"Invoice – March"/],
  ['subject:Invoice - March', /quotes: subject:"Invoice - March"/],
  ['Invoice - March', /quotes: "Invoice - March"/],
  ['“is:starred”', /“ \(U\+201C\)/],
  ['subject:„Grüße“', /„ \(U\+201E\)/],
  ['subject:«a»', /U\+00AB/],
  ['‘is:starred’', /U\+2018/],
  ['’is:starred’', /U\+2019/],
  ['–is:starred', /U\+2013, an en dash.*write -/],
  ['x −is:starred', /U\+2212/],
  ['(—is:starred)', /U\+2014/],
  ['is:starred\u00a0label:x', /U\+00A0 \(a no-break space\)/],
  ['is:starred\u3000x', /U\+3000/],
  ['is:starred\u200b', /U\+200B \(a zero-width space\)/],
  ['in\u00advoice', /U\+00AD \(a soft hyphen\)/],
  ['\ufeffis:starred', /U\+FEFF \(a byte order mark\)/],
  ['is：starred', /U\+FF1A, a full-width colon/],
  ['（is:starred）', /U\+FF08/],
  ['＂a＂', /U\+FF02/],
  ...['″', '❝', '❞', '´', 'ʺ', '❛', '˝'].map((quote) => [`${quote}a b${quote}`, /no quotation mark: write "/] as const),
  ['subject:❝a❞', /U\+275D/],
  ...['˗', '⁃', '➖', '⁻', '₋'].map((dash) => [`x ${dash}is:starred`, /no minus sign to Gmail: write -/] as const),
  ...['︰', 'ː', '⁚'].map((colon) => [`is${colon}starred`, /no colon to Gmail: write :/] as const),
];

/** Text with names of operators and signs in it, as people search for it. */
const TEXT = [
  ...[
    'order from amazon',
    'back to school',
    'what is new',
    'the list',
    'in or out',
    'size medium',
    'who has it',
    'label maker',
  ],
  ...[
    'from a to z',
    'is it raining',
    'to whom it may concern',
    'has been shipped',
    'in stock',
    'size 10 shoes',
    'in 5 days',
  ],
  ...[
    'after work drinks',
    'before noon',
    'the day after',
    'older brother',
    'newer model',
    'larger than life',
    'a smaller one',
  ],
  ...[
    'older than me',
    'category five',
    'subject matter',
    'filename unknown',
    'cc me please',
    'list of names',
    'label printer',
  ],
  ...[
    'in-house',
    'to-do',
    'in-app',
    'is-it',
    'after-sales',
    'subject-matter',
    'has-been',
    'size-10',
    'list-unsubscribe',
  ],
  ...[
    'to/from',
    'in/out',
    'before/after',
    'is/was',
    'cc/bcc',
    'from/to',
    'size/fit',
    'to,from',
    'in,out',
    'to&fro',
    'from+to',
  ],
  ...[
    'list@example.com',
    'from@example.com',
    'to.bob@example.com',
    'is.gd',
    'list.example.com',
    'label.com',
    "in'n'out",
    'to’s',
  ],
  ...[
    'http://example.in:8080/x',
    'example.to:443',
    'https://a.is/',
    'subject.',
    'is?',
    'in...',
    'from,',
    'to…',
    'size🔥',
    'has❤️it',
  ],
  ...[
    'larger',
    'from',
    'to',
    'in',
    'has',
    'size',
    'list',
    'is',
    'label',
    '-from',
    '-list',
    'category',
    'subject',
    'older newer',
  ],
  ...['from:(in sent)', 'subject:(this is important)', 'subject:(what is unread)', 'subject:(size 5M)', '"is starred"'],
  ...[
    '100%',
    '50%off',
    'a%20b',
    '"a%40b"',
    '"is%3Astarred"',
    'a+b',
    '5″',
    "6'2",
    '12″ pizza',
    'don´t',
    'podʺezd',
    'inbox',
    'sent',
  ],
  ...[
    'order from amazon to me',
    'sent to in:inbox',
    'newsletter list older_than:1y',
    'from:amazon is back',
    'invite to:bob in',
  ],
];

/** A search with an operator that lacks its colon → the refusal's right spelling. */
const WITHOUT_COLON: readonly (readonly [query: string, right: string])[] = [
  ...[
    'newer_than 14d',
    'newer_than;14d',
    'newer_than.14d',
    'newer_than>14d',
    'newer_than14d',
    'newer_than_14d',
  ].flatMap(
    (query) =>
      [
        [query, 'newer_than:14d'],
        [`-${query}`, '-newer_than:14d'],
      ] as const,
  ),
  ...['newer_than︰14d', 'newer_than＝14d', 'newer_than→14d', 'newer_than/14d', 'NEWER_THAN=14d', 'newer-than 14d'].map(
    (query) => [query, query.includes('︰') ? ':' : 'newer_than:14d'] as const,
  ),
  ['newer than 14d', 'newer_than:14d'],
  ['older_than', 'for example older_than:14d'],
  ['older_than foo', 'for example older_than:14d'],
  ['-older_than;2w', '-older_than:14d'],
  ['olderthan14d', 'older_than:14d'],
  ['from:(older_than 14d)', 'older_than:14d'],
  ['-newer_than%3A14d', '-newer_than:14d'],
  ['is%3Astarred+from%3Aboss%40example.com', 'is:starred from:boss@example.com'],
  ['from:boss%40example.com', 'from:boss@example.com'],
  ['from:a%20is:starred', 'from:a is:starred'],
  ['https://mail.google.com/mail/u/0/#search/is%3Astarred', 'is:starred'],
  ...[
    'is;starred',
    'is.starred',
    'is starred',
    'is,starred',
    'is/starred',
    'is-starred',
    'is_starred',
    'is=starred',
  ].map((query) => [query, 'is:starred'] as const),
  ['-is starred', '-is:starred'],
  ['from:a;is.starred', 'is:starred'],
  ['-from;x', '-from:x'],
  ['from;boss@example.com', 'from:boss@example.com'],
  ['from,boss@example.com', 'from:boss@example.com'],
  ['-from boss@example.com', '-from:boss@example.com'],
  ['-in;sent', '-in:sent'],
  ['in inbox', 'in:inbox'],
  ['-in sent', '-in:sent'],
  ['-label;keep', '-label:keep'],
  ['-label keep', '-label:keep'],
  ['-larger;5M', '-larger:5M'],
  ['larger 5M', 'larger:5M'],
  ['size>5M', 'size:5M'],
  ['after 2020/01/01', 'after:2020/01/01'],
  ['-after 2020/01/01', '-after:2020/01/01'],
  ['-category promotions', '-category:promotions'],
  ['category promotions', 'category:promotions'],
  ['has attachment', 'has:attachment'],
  ['label::keep', 'label:keep'],
  ['label:label:keep', 'label:keep'],
  ['from:from:amy', 'from:amy'],
];

/** A value whose nearest right spelling may be the opposite of what is meant → that spelling; '' when none is certain. */
const OPPOSITE: readonly (readonly [query: string, right: string])[] = [
  ['is:unstarred', '-is:starred'],
  ['-is:unstarred', 'is:starred'],
  ['is:notstarred', '-is:starred'],
  ['is:not_starred', '-is:starred'],
  ['is:non-starred', '-is:starred'],
  ['is:nostar', '-is:starred'],
  ['is:!starred', '-is:starred'],
  ['is:-starred', '-is:starred'],
  ['is:unflagged', '-is:starred'],
  ['is:unimportant', '-is:important'],
  ['is:unsent', '-is:sent'],
  ['is:notspam', '-is:spam'],
  ['is:notread', '-is:read'],
  ['is:undeleted', '-in:trash'],
  ['is:unarchived', '-in:archive'],
  ['is:unlabeled', 'has:nouserlabels'],
  ['is:unseen', 'is:unread'],
  ['has:noattachment', '-has:attachment'],
  ['has:no-attachments', '-has:attachment'],
  ['category:notpromotions', '-category:promotions'],
  ['category:nonpromotions', '-category:promotions'],
  ['category:unsocial', '-category:social'],
  ['-is:stared', '-is:starred'],
  ['is:unred', 'is:unread'],
  ['is:nread', ''],
  ['has:ouserlabels', ''],
  ['is:no', ''],
  ['older_than:<30d', 'newer_than:30d'],
  ['-older_than:<30d', '-newer_than:30d'],
  ['older_than:>=30d', 'older_than:30d'],
  ['newer_than:>30d', 'older_than:30d'],
  ['newer_than:<30d', 'newer_than:30d'],
  ['newer_than:<2w', 'newer_than:14d'],
  ['newer_than:-7d', 'newer_than:7d'],
  ['older_than:!30d', ''],
  ['older_than:<>30d', ''],
  ['larger:<5M', 'smaller:5M'],
  ['larger:<5MB', 'smaller:5M'],
  ['smaller:>5M', 'larger:5M'],
  ['smaller:<5M', 'smaller:5M'],
  ['size:<5M', 'smaller:5M'],
  ['larger:-5M', ''],
  ['after:-7d', 'newer_than:7d'],
  ['before:-7d', 'older_than:7d'],
  ['after:>7d', ''],
  ['after:<2024/01/01', 'before:2024/01/01'],
  ['before:>2024/01/01', 'after:2024/01/01'],
  ['after:>2024/01/01', 'after:2024/01/01'],
  ['older:>2024/01/01', 'newer:2024/01/01'],
  ['after:-2024/01/01', ''],
  ['after:01.02.2026', 'after:2026/02/01'],
  ['after:01-02-2026', ''],
  ['after:31-01-2026', 'after:2026/01/31'],
  ['older_than:0d', ''],
  ['-newer_than:000d', ''],
  ['older_than:0w', ''],
  ['older_than:99999999999999999999d', ''],
  ['newer_than:99999999999w', ''],
  ['smaller:0', ''],
  ['-larger:0M', ''],
  ['larger:99999999999M', ''],
  ['larger:99999999999999999999', ''],
  ['larger:9999T', ''],
  ['subject:-50%', 'subject:"-50%"'],
];

/** An operator in the brackets of another one. */
const NESTED: readonly (readonly [query: string, said: RegExp])[] = [
  ['subject:(flight from:Berlin to:Paris)', /quotes: subject:"flight from:Berlin to:Paris"/],
  ['is:(from:amy)', /put it outside$/],
  ['older_than:(is:starred)', /put it outside$/],
  ['subject:(size:10)', /quotes: subject:"size:10"/],
  ['from:(a (b label:c))', /put it outside$/],
  ['from:(a to:(b c))', /"to:" stands in the brackets of from:/],
  ['-from:{a -is:starred}', /put it outside$/],
];

/** An operator in a place where it is a part of a word. */
const HIDDEN = [
  ...['from:a+is:starred', 'foo.is:starred', 'foo+is:starred', 'foo/is:starred', 'from:a/is:starred', 'foo@is:starred'],
  ...['label:keep+older_than:1y', 'in:inbox/is:starred', "foo'is:starred", ':is:starred', 'foo:is:starred'],
  ...['subject:is:starred', 'in:is:starred', 'label:is:starred', 'subject:to:bob'],
];

function faultOf(query: string): QueryError {
  try {
    parseQuery(query);
  } catch (error) {
    assert.ok(error instanceof QueryError, String(error));
    return error;
  }
  return assert.fail(`${query} was accepted`);
}

describe('the values of a search', () => {
  it('are accepted where Gmail knows them', () => {
    for (const query of RIGHT) assert.doesNotThrow(() => parseQuery(query), query);
  });

  it('are accepted in any composition of accepted terms', () => {
    let seed = 1;
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    const compose = (depth: number): string => {
      const members = Array.from({ length: 1 + random(4) }, () => {
        const minus = random(4) === 0 ? '-' : '';
        if (depth > 0 && random(3) === 0)
          return `${minus}${random(2) === 0 ? `(${compose(depth - 1)})` : `{${compose(depth - 1)}}`}`;
        // Plain words beside operators may be mistaken for operators, and then are refused.
        const term = TERMS[random(TERMS.length)] ?? '';
        return minus !== '' && /^[\p{L}"]/u.test(term) ? `-${term}` : term;
      });
      return members.join(random(4) === 0 ? ' OR ' : ' ');
    };
    const TERMS = RIGHT.filter((query) => !/(^|\s)(or|and|not)\s|^[RC]&|^\d+:/.test(query) && !/ not$/.test(query));
    for (let round = 0; round < 3_000; round += 1) {
      const query = compose(3);
      assert.doesNotThrow(() => parseQuery(query), query);
    }
  });

  it('are not found in text that people search for', () => {
    assert.ok(TEXT.length >= 60);
    for (const query of TEXT) assert.doesNotThrow(() => parseQuery(query), query);
  });

  for (const [query, right] of WITHOUT_COLON) {
    it(`lack a colon in ${query}`, () => {
      const { message } = faultOf(query);
      assert.ok(message.includes(`write ${right}`), message);
    });
  }

  for (const [query, right] of OPPOSITE) {
    it(`are suggested for ${query}: ${right || 'none is certain'}`, () => {
      const { message } = faultOf(query);
      assert.equal(/: write (?!for example|bytes)(.+)$/.exec(message)?.[1] ?? '', right);
    });
  }

  for (const [query, said] of NESTED) {
    it(`belong to one operator, so ${query} is refused`, () => assert.match(faultOf(query).message, said));
  }

  it('are valid wherever one is suggested', () => {
    let told = 0;
    for (const [query] of [...WRONG, ...MISTAKEN, ...WITHOUT_COLON, ...OPPOSITE, ...NESTED]) {
      const { message } = faultOf(query);
      for (const [, right = ''] of message.matchAll(/(?:write|quotes:) (-?[a-z_]+:(?:"[^"]*"|[^\s",]+))/g)) {
        told += 1;
        assert.doesNotThrow(() => parseQuery(right), `${query}: ${message}`);
      }
    }
    assert.ok(told > 150);
  });

  it('do not begin inside a word', () => {
    for (const query of HIDDEN)
      assert.match(faultOf(query).message, /second operator|for a word|no search operator/, query);
  });

  for (const [query, said] of [...WRONG, ...MISTAKEN]) {
    it(`refuses ${query}`, () => assert.match(faultOf(query).message, said));
  }

  it('are refused in every place when they are refused alone', () => {
    for (const [query] of WRONG) {
      for (const whole of [`-${query}`, `in:inbox ${query}`, `{a (b ${query})}`, `x OR -(${query} y)`]) {
        if (query.startsWith('-') && whole.startsWith('-')) continue;
        faultOf(whole);
      }
    }
  });

  it('are refused in one line that names the character', () => {
    for (const [query] of [...WRONG, ...MISTAKEN]) {
      const { message, at } = faultOf(query);
      assert.ok(!/[\n;]/.test(message), message);
      assert.ok(at >= 0 && at < query.length, query);
    }
    assert.equal(faultOf('in:inbox -newer_than:2w').at, 9);
  });
});
