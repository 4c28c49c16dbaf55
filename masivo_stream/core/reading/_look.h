/* A part of _prover.c: look at a line beyond its validity, and note what the checks over all files need of it.
 *
 * The law of these checks is core/checks/plausible.py, and core/checks/take_notes.py for what is noted. A prover that is
 * made to look says *clean* of fewer lines: of those in which these find nothing to report, and of which all amounts are
 * known in millionths. So here, too, doubt costs time and nothing else, and most rules are stricter than they must be:
 * a name with a "?" may be right, an order may add up in another way.
 *
 * What depends on a rule's numbers and words comes from Python (`Look`).
 */

/* ---- Single values ----------------------------------------------------------------------------------------------- */

static inline int is_visible(uint8_t c) { return c > 0x20 && c < 0x7F; }

/* The number of a character that is not ASCII, in text that is known to be UTF-8; `p` goes behind it. */
static uint32_t read_rune(Text *p)
{
    uint8_t first = *(*p)++;
    uint32_t rune = first & (first < 0xE0 ? 0x1F : first < 0xF0 ? 0x0F : 0x07);
    for (int more = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3; more > 0; more--)
        rune = rune << 6 | (*(*p)++ & 0x3F);
    return rune;
}

/* Whether a character that is not ASCII is white space (Unicode 15; `str.isspace`). */
static inline int is_wide_space(uint32_t rune)
{
    return rune == 0x85 || rune == 0xA0 || rune == 0x1680 || (rune >= 0x2000 && rune <= 0x200A) || rune == 0x2028
           || rune == 0x2029 || rune == 0x202F || rune == 0x205F || rune == 0x3000;
}

static inline int is_solid(Text p) { return *p < 0x80 ? is_visible(*p) : !is_wide_space(read_rune(&p)); }

/* An id without white space at its ends. */
static int is_trimmed(Span id)
{
    Text last = id.text + id.length - 1;
    while (last > id.text && (*last & 0xC0) == 0x80)
        last--;
    return is_solid(id.text) && is_solid(last);
}

static inline uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c; }

static int same_letters(Text one, Text other, Py_ssize_t length)
{
    for (Py_ssize_t i = 0; i < length; i++)
        if (lower(one[i]) != lower(other[i]))
            return 0;
    return 1;
}

/* A character that is not ASCII, and may be anywhere in a name: neither white space nor what garbled names have. Half
 * of a surrogate pair is one, too. */
static inline int is_named(uint32_t rune)
{
    return rune >= 0x80 && rune != 0xC2 && rune != 0xC3 && rune != 0xFFFD && !is_wide_space(rune);
}

/* A name that is no word for nothing, and not garbled, as those are that have a "?", or one of the characters U+00C2,
 * U+00C3 and U+FFFD. The words for nothing are ASCII without quotes, so a name with other characters, or with an escape
 * of one, is none of them. Other escapes are doubted. */
static int is_real_name(const Look *look, Span name)
{
    Text begin = name.text, end = begin + name.length;
    while (begin < end && *begin == ' ')
        begin++;
    while (end > begin && end[-1] == ' ')
        end--;
    if (begin == end)
        return 0;
    for (Text p = begin; p < end;) {
        if (*p == '?')
            return 0;
        if (*p >= 0x80) {
            if (!is_named(read_rune(&p)))
                return 0;
        } else if (*p != '\\') {
            p++;
        } else if (p[1] == 'u') { /* the string is valid, so its escapes are whole */
            if (!is_named((uint32_t)read_hex4(p + 2, end)))
                return 0;
            p += 6;
        } else if (p[1] == '"' || p[1] == '\\') {
            p += 2;
        } else {
            return 0;
        }
    }
    for (int i = 0; i < look->nothing_count; i++)
        if (end - begin == look->nothing[i].length && same_letters(begin, look->nothing[i].bytes, end - begin))
            return 0;
    return 1;
}

/* An email with one @ inside, and nothing but visible ASCII; no longer than any is. */
static int is_email(Span email)
{
    int signs = 0;
    if (email.length > MOST_EMAIL)
        return 0;
    for (Py_ssize_t i = 0; i < email.length; i++) {
        if (!is_visible(email.text[i]))
            return 0;
        signs += email.text[i] == '@';
    }
    return signs == 1 && email.text[0] != '@' && email.text[email.length - 1] != '@';
}

/* Whether a type is the purchase, or so unlike it that it cannot be a slip: of the purchase's letters it has less than
 * all but one (`SequenceMatcher.ratio` counts at most these). */
static int is_plain_type(const Look *look, Span type)
{
    const Bytes *purchase = &look->purchase;
    uint8_t left[256] = {0};
    Py_ssize_t shared = 0;
    if (type.length == purchase->length && memcmp(type.text, purchase->bytes, (size_t)type.length) == 0)
        return 1;
    for (Py_ssize_t i = 0; i < purchase->length; i++)
        left[lower(purchase->bytes[i])]++;
    for (Py_ssize_t i = 0; i < type.length; i++) {
        uint8_t c = lower(type.text[i]);
        if (c >= 0x80)
            return 0;
        if (left[c]) {
            left[c]--;
            shared++;
        }
    }
    return shared < purchase->length - 1;
}

/* Whether there is a run of more digits and points than a double tells apart, as `amounts.hides_digits` asks of a line.
 * Any such run is at one of the places that are looked at. */
static int has_long_digits(Text p, Py_ssize_t length)
{
    for (Py_ssize_t i = MOST_EXACT_DIGITS; i < length; i += MOST_EXACT_DIGITS + 1) {
        Py_ssize_t from = i, to = i;
        while (from >= 0 && (is_digit(p[from]) || p[from] == '.'))
            from--;
        while (to < length && (is_digit(p[to]) || p[to] == '.'))
            to++;
        if (to - from - 1 > MOST_EXACT_DIGITS)
            return 1;
    }
    return 0;
}

/* Whether there is a number that may be so small that its double is zero, as `amounts.hides_tiny` asks of a line. */
static int has_tiny(Text begin, Text end)
{
    for (Text p = begin + 2; p < end; p++)
        if (*p == '-' && lower(p[-1]) == 'e' && is_digit(p[-2]) && end - p > 3 && is_digit(p[1]) && is_digit(p[2])
            && is_digit(p[3]))
            return 1;
    return 0;
}

/* The number that was read last in millionths, if its digits say so and a double tells it from its neighbours: see
 * core/checks/amounts.py, which finds the same from the double. */
static int to_millionths(Call *call, int64_t *millionths)
{
    const uint64_t most = (uint64_t)1 << 50;
    uint64_t number = call->digits;
    int power = number ? call->power + 6 : 0;
    if (number > (uint64_t)1 << 53)
        return 0;
    for (; power < 0; power++) {
        if (number % 10)
            return 0;
        number /= 10;
    }
    for (; power > 0 && number < most; power--)
        number *= 10;
    if (number >= most)
        return 0;
    *millionths = call->sign == SIGN_NEGATIVE ? -(int64_t)number : (int64_t)number;
    if (number == 0)
        call->line->has_zero = 1;
    return 1;
}

/* ---- Dates ------------------------------------------------------------------------------------------------------- */

#define DAY ((int64_t)86400 * 1000000)

/* A date that is neither too early nor in the future. */
static int is_usual(Call *call, const Date *date, int64_t earliest)
{
    if (date->moment < earliest || date->moment > call->prover->look->latest)
        return 0;
    if (date->moment > call->line->latest)
        call->line->latest = date->moment;
    return 1;
}

/* The date of an item, or of a registration: the earliest and the latest one of a line are noted. */
static int note_date(Call *call, const Date *date)
{
    Line *line = call->line;
    if (!is_usual(call, date, call->prover->look->earliest))
        return 0;
    if (date->moment < line->first) { /* of several that are equal, the first one */
        line->first = date->moment;
        line->hour = date->hour;
    }
    if (date->moment > line->last)
        line->last = date->moment;
    return 1;
}

/* When an item was resolved: not much before it was issued. */
static int is_right_resolved(Call *call)
{
    return !(call->present & HAS(ROLE_RESOLVED))
           || (is_usual(call, &call->resolved, call->prover->look->earliest)
               && call->resolved.moment >= call->issued.moment - DAY);
}

/* ---- Sums -------------------------------------------------------------------------------------------------------- */

/* The index of the reward that was read last among those of the call, -1 if it is one too many, or spelt in two ways. */
static int find_reward(Call *call)
{
    Text text = call->reward;
    for (int i = 0; i < call->reward_count; i++)
        if (memcmp(call->rewards[i].text, text, UUID_LENGTH) == 0)
            return i;
    for (int i = 0; i < call->reward_count; i++)
        if (same_letters(call->rewards[i].text, text, UUID_LENGTH))
            return -1;
    if (call->reward_count == MOST_REWARDS)
        return -1;
    call->rewards[call->reward_count] = (Reward){.text = text, .line = call->index}; /* the line lives that long */
    return call->reward_count++;
}

/* Add the amount that was read last to the sum of its reward on the line. Returns the index of the reward, -1 for doubt. */
static int add_amount(Call *call)
{
    Line *line = call->line;
    int reward = find_reward(call);
    Sum *sum = NULL;
    for (Py_ssize_t i = call->sum_count - line->sums; i < call->sum_count; i++)
        if (call->sums[i].reward == reward)
            sum = &call->sums[i];
    if (reward >= 0 && sum == NULL) {
        if (call->sum_count == call->sum_room) {
            Sum *grown = grow(call, call->sums, &call->sum_room, sizeof(Sum));
            if (grown == NULL)
                return -1;
            call->sums = grown;
        }
        sum = &call->sums[call->sum_count++];
        *sum = (Sum){.reward = reward};
        line->sums++;
    }
    if (reward < 0)
        return -1;
    *(call->amount < 0 ? &sum->spent : &sum->earned) += call->amount;
    return sum->earned < MOST_SUM && sum->spent > -MOST_SUM ? reward : -1;
}

/* ---- Objects ----------------------------------------------------------------------------------------------------- */

/* Forget what was read of the object before. */
static void begin_object(Call *call, enum Role role)
{
    switch (role) {
    case ROLE_EVENT:
        call->paid = 0; /* what an order without it has */
        call->paid_millionths = call->products = 0;
        call->order_total = call->order_units = call->shipping_value = 0;
        call->present &= ~(HAS(ROLE_PAID) | HAS(ROLE_RESOLVED));
        break;
    case ROLE_PRODUCT:
        call->present &= ~HAS(ROLE_UNIT_PAID);
        break;
    case ROLE_SHIPPING:
        call->present &= ~(HAS(ROLE_SHIPPING_VALUE) | HAS(ROLE_SHIPPING_PAID));
        break;
    case ROLE_TRANSACTION:
        call->present &= ~HAS(ROLE_RESOLVED);
        break;
    case ROLE_BALANCE:
        call->present &= ~(HAS(ROLE_BALANCE_ISSUED) | HAS(ROLE_EXPIRES));
        break;
    default:
        break;
    }
}

static int end_product(Call *call)
{
    double total = call->units * call->unit_value;
    if (!(fabs(total) < MOST_EXACT_PRICE) || !(fabs(call->unit_value) < MOST_EXACT_PRICE)
        || (call->present & HAS(ROLE_UNIT_PAID) && call->unit_paid > call->unit_value))
        return 0;
    call->order_total += total;
    call->order_units += call->unit_value;
    return 1;
}

static int end_shipping(Call *call)
{
    if (!(call->present & HAS(ROLE_SHIPPING_VALUE)))
        call->shipping_value = 0;
    return !(call->present & HAS(ROLE_SHIPPING_VALUE) && call->present & HAS(ROLE_SHIPPING_PAID)
             && call->shipping_paid > call->shipping_value);
}

/* Whether an order's value is the sum of its products. The sums are compared with half of what may be off, and prices
 * are small, so it makes no difference how the processor rounds. */
static int adds_up(const Call *call)
{
    double most = 0.005 * fmax(fabs(call->value), (double)call->products);
    const double totals[] = {call->order_total, call->order_units};
    for (int i = 0; i < 2; i++)
        if (fabs(totals[i] - call->value) <= most || fabs(totals[i] + call->shipping_value - call->value) <= most)
            return 1;
    return 0;
}

static int end_event(Call *call)
{
    Line *line = call->line;
    if (call->value < 0 || (call->present & HAS(ROLE_PAID) && !(call->paid >= 0 && call->paid <= call->value)))
        return 0;
    if (!is_plain_type(call->prover->look, call->type) || !note_date(call, &call->issued) || !is_right_resolved(call))
        return 0;
    if (call->type.length == call->prover->look->purchase.length && !adds_up(call))
        return 0;
    line->value += call->value_millionths;
    line->paid += call->paid_millionths;
    return line->value < MOST_SUM && line->paid < MOST_SUM;
}

static int end_transaction(Call *call)
{
    call->line->has_balance = 1;
    return note_date(call, &call->issued) && is_right_resolved(call) && add_amount(call) >= 0;
}

/* A line of a balance. Two of one reward are doubted unless they expire at different times. */
static int end_balance(Call *call)
{
    Line *line = call->line;
    int issued = !!(call->present & HAS(ROLE_BALANCE_ISSUED)), expires = !!(call->present & HAS(ROLE_EXPIRES));
    if (call->amount < 0)
        return 0;
    if (issued && !is_usual(call, &call->issued, call->prover->look->earliest))
        return 0;
    if (issued && expires && call->expires.moment < call->issued.moment - DAY)
        return 0;
    int reward = add_amount(call);
    if (reward < 0 || line->balances == MOST_BALANCES)
        return 0;
    Balance *last = &call->balances[line->balances++];
    *last = (Balance){reward, expires, expires ? call->expires.moment : 0};
    for (Balance *each = call->balances; each < last; each++)
        if (each->reward == last->reward && each->expires == last->expires && each->moment == last->moment)
            return 0;
    return 1;
}

static int end_object(Call *call, enum Role role)
{
    switch (role) {
    case ROLE_EVENT:
        return end_event(call);
    case ROLE_PRODUCT:
        return end_product(call);
    case ROLE_SHIPPING:
        return end_shipping(call);
    case ROLE_TRANSACTION:
        return end_transaction(call);
    case ROLE_BALANCE:
        return end_balance(call);
    default:
        return 1;
    }
}

/* ---- Lines ------------------------------------------------------------------------------------------------------- */

static void begin_line(Line *line)
{
    line->first = INT64_MAX;
    line->last = line->latest = INT64_MIN;
    line->sums = line->balances = 0;
    line->value = line->paid = 0;
    line->has_balance = line->has_zero = 0;
    line->marks = 0;
}

/* Add what a clean line brings to the totals of the call. */
static int end_line(Call *call)
{
    Line *line = call->line;
    if (line->has_zero && has_tiny(line->begin, line->end))
        return 0;
    if (call->value_total >= MOST_SUM || call->paid_total >= MOST_SUM)
        return 0;
    for (Py_ssize_t i = call->sum_count - line->sums; i < call->sum_count; i++) {
        const Reward *reward = &call->rewards[call->sums[i].reward];
        if (reward->earned >= MOST_SUM || reward->spent <= -MOST_SUM)
            return 0;
    }
    for (Py_ssize_t i = call->sum_count - line->sums; i < call->sum_count; i++) {
        Reward *reward = &call->rewards[call->sums[i].reward];
        reward->earned += call->sums[i].earned;
        reward->spent += call->sums[i].spent;
    }
    call->value_total += line->value;
    call->paid_total += line->paid;
    return 1;
}
