/* SPDX-License-Identifier: Apache-2.0 */
/* limit: what may be had at once, and how often, over all workers of this supervisor. */
#include "limit.h"

#include "../observe/log.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define BUCKETS     4096
#define BUCKET_BITS 12
#define HOLDS       32 /* words of a bucket: a key has one for each process that holds something */
#define RATES       8
#define BURST_S     10 /* who has been quiet may write as much at once as in so many seconds */
#define TICK_US     100
#define TICKS_A_S   (G_USEC_PER_SEC / TICK_US)
#define TRIES       3
#define YIELD_LEAST 8
#define YIELD_PART  8

/* A hold: 32 bits of the key, 10 of the process, 22 of count. */
#define HOLD_COUNT_BITS  22
#define HOLD_COUNT(word) ((guint32)((word) & ((1u << HOLD_COUNT_BITS) - 1)))
#define HOLD_SLOT(word)  ((guint32)((word) >> HOLD_COUNT_BITS) & 1023)
#define HOLD_TAG(word)   ((guint32)((word) >> 32))

/* A rate: 20 bits of the key, 44 of time in ticks: 55 years. */
#define RATE_TIME_BITS  44
#define RATE_TIME(word) ((gint64)((word) & ((G_GUINT64_CONSTANT (1) << RATE_TIME_BITS) - 1)))
#define RATE_TAG(word)  ((guint32)((word) >> RATE_TIME_BITS))

#define ACCEPTS (1u << 31)

typedef struct {
  guint64 seed[2];                  /* so that nobody outside can choose keys that meet */
  guint32 n_slots;                  /* one more than the highest in use so far */
  guint32 connections[LIMIT_SLOTS]; /* with ACCEPTS */
  guint64 holds[BUCKETS][HOLDS];
  guint64 rates[BUCKETS][RATES];
} LimitMemory;

struct Limits {
  LimitMemory *memory;
  guint slot;
  guint values[LIMIT_N];
  struct {
    gint64 logged;
    guint unlogged;
  } lines[LIMIT_N];
};

static const struct {
  const char *setting, *what;
} limit_kinds[LIMIT_N] = {
  [LIMIT_TURNS] = { "turns", "turns at once; more of them wait" },
  [LIMIT_UPLOADS] = { "uploads", "uploads at once" },
  [LIMIT_STREAMS] = { "streams-per-person", "event streams of a person" },
  [LIMIT_PEERS] = { "connections-per-address", "connections of an address" },
  [LIMIT_WRITES] = { "writes-per-second", "changes a second by a person or client" },
  [LIMIT_CONNECTIONS] = { "connections", "connections of a worker" },
};

int
limits_create_memory (void)
{
  int fd = memfd_create ("daedalus-limits", MFD_CLOEXEC);
  guint64 seed[2];

  if (fd >= 0 && (ftruncate (fd, sizeof (LimitMemory)) != 0 ||
                  getrandom (seed, sizeof seed, 0) != sizeof seed ||
                  pwrite (fd, seed, sizeof seed, 0) != sizeof seed)) {
    close (fd);
    return -1;
  }
  return fd;
}

Limits *
limits_new (int fd, guint slot)
{
  Limits *limits = g_new0 (Limits, 1);
  guint32 n_slots;

  g_assert (slot < LIMIT_SLOTS);
  limits->memory = mmap (NULL, sizeof (LimitMemory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  g_assert (limits->memory != MAP_FAILED);
  limits->slot = slot;
  n_slots = __atomic_load_n (&limits->memory->n_slots, __ATOMIC_RELAXED);
  while (n_slots <= slot &&
         !__atomic_compare_exchange_n (&limits->memory->n_slots, &n_slots, slot + 1, FALSE,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    continue;
  return limits;
}

void
limits_free (Limits *limits)
{
  munmap (limits->memory, sizeof (LimitMemory));
  g_free (limits);
}

void
limits_set (Limits *limits, LimitKind kind, guint value)
{
  limits->values[kind] = value;
}

void
limits_configure (Limits *limits, Config *config)
{
  for (guint kind = 0; kind < LIMIT_N; kind++)
    limits_set (limits, kind, (guint)config_int (config, "limits", limit_kinds[kind].setting));
}

guint
limits_value (Limits *limits, LimitKind kind)
{
  return limits != NULL ? limits->values[kind] : 0;
}

/* ---- keys -------------------------------------------------------------- */

static inline guint64
limit_rotate (guint64 word, guint by)
{
  return word << by | word >> (64 - by);
}

static inline void
limit_mix (guint64 state[4])
{
  state[0] += state[1];
  state[1] = limit_rotate (state[1], 13) ^ state[0];
  state[0] = limit_rotate (state[0], 32);
  state[2] += state[3];
  state[3] = limit_rotate (state[3], 16) ^ state[2];
  state[0] += state[3];
  state[3] = limit_rotate (state[3], 21) ^ state[0];
  state[2] += state[1];
  state[1] = limit_rotate (state[1], 17) ^ state[2];
  state[2] = limit_rotate (state[2], 32);
}

/* SipHash-1-3 of the key, the kind in place of the length. */
static guint64
limit_hash (const Limits *limits, LimitKind kind, const char *key)
{
  const guint64 *seed = limits->memory->seed;
  guint64 state[4] = { seed[0] ^ G_GUINT64_CONSTANT (0x736f6d6570736575),
                       seed[1] ^ G_GUINT64_CONSTANT (0x646f72616e646f6d),
                       seed[0] ^ G_GUINT64_CONSTANT (0x6c7967656e657261),
                       seed[1] ^ G_GUINT64_CONSTANT (0x7465646279746573) };
  gsize left = strlen (key) + 1; /* with NUL, so that lengths differ */
  guint64 word;

  for (; left > 0; key += sizeof word) {
    gsize n = MIN (left, sizeof word);

    word = 0;
    memcpy (&word, key, n);
    left -= n;
    state[3] ^= word;
    limit_mix (state);
    state[0] ^= word;
  }
  word = (guint64)kind << 56;
  state[3] ^= word;
  limit_mix (state);
  state[0] ^= word;
  state[2] ^= 0xff;
  for (guint i = 0; i < 3; i++)
    limit_mix (state);
  return state[0] ^ state[1] ^ state[2] ^ state[3];
}

void
limits_address (const char *address, char *ret)
{
  struct in6_addr v6;

  if (inet_pton (AF_INET6, address, &v6) == 1) {
    memset (&v6.s6_addr[8], 0, 8);
    inet_ntop (AF_INET6, &v6, ret, LIMIT_ADDRESS_SIZE);
  } else {
    g_strlcpy (ret, address, LIMIT_ADDRESS_SIZE);
  }
}

/* ---- counts ------------------------------------------------------------ */

guint64
limits_share (Limits *limits, LimitKind kind, const char *key)
{
  return limits != NULL ? MAX (limit_hash (limits, kind, key), 1) : 1;
}

static guint64 *
limit_bucket (const Limits *limits, guint64 hash)
{
  return limits->memory->holds[hash & (BUCKETS - 1)];
}

static guint
limit_sum (const guint64 *bucket, guint32 tag)
{
  guint sum = 0;

  for (guint i = 0; i < HOLDS; i++) {
    guint64 word = __atomic_load_n (&bucket[i], __ATOMIC_SEQ_CST);

    if (word != 0 && HOLD_TAG (word) == tag)
      sum += HOLD_COUNT (word);
  }
  return sum;
}

/* This process's own word of the key, or NULL. */
static guint64 *
limit_own (const Limits *limits, guint64 *bucket, guint32 tag)
{
  for (guint i = 0; i < HOLDS; i++) {
    guint64 word = __atomic_load_n (&bucket[i], __ATOMIC_RELAXED);

    if (word != 0 && HOLD_TAG (word) == tag && HOLD_SLOT (word) == limits->slot)
      return &bucket[i];
  }
  return NULL;
}

/* FALSE: the bucket has no room. */
static gboolean
limit_add (const Limits *limits, guint64 *bucket, guint32 tag)
{
  guint64 *own = limit_own (limits, bucket, tag);
  guint64 first = (guint64)tag << 32 | (guint64)limits->slot << HOLD_COUNT_BITS | 1;

  if (own != NULL) {
    __atomic_add_fetch (own, 1, __ATOMIC_SEQ_CST);
    return TRUE;
  }
  for (guint i = 0; i < HOLDS; i++) {
    guint64 none = 0;

    if (__atomic_compare_exchange_n (&bucket[i], &none, first, FALSE, __ATOMIC_SEQ_CST,
                                     __ATOMIC_RELAXED))
      return TRUE;
  }
  return FALSE;
}

static void
limit_remove (const Limits *limits, guint64 *bucket, guint32 tag)
{
  guint64 *own = limit_own (limits, bucket, tag);

  if (own == NULL) /* there was no room for it */
    return;
  if (HOLD_COUNT (*own) == 1)
    __atomic_store_n (own, 0, __ATOMIC_SEQ_CST);
  else
    __atomic_sub_fetch (own, 1, __ATOMIC_SEQ_CST);
}

/* Of two that take the last one at the same moment both may see too many; they try again. */
guint64
limits_take (Limits *limits, LimitKind kind, const char *key)
{
  guint64 share = limits_share (limits, kind, key), *bucket;
  guint32 tag = (guint32)(share >> 32);
  guint most;

  if (limits == NULL)
    return share;
  bucket = limit_bucket (limits, share);
  most = limits->values[kind] > 0 ? limits->values[kind] : G_MAXUINT;
  for (guint i = 0; i < TRIES && limit_sum (bucket, tag) < most; i++) {
    if (!limit_add (limits, bucket, tag) || limit_sum (bucket, tag) <= most)
      return share;
    limit_remove (limits, bucket, tag);
  }
  return 0;
}

void
limits_give (Limits *limits, guint64 share)
{
  if (limits != NULL && share != 0)
    limit_remove (limits, limit_bucket (limits, share), (guint32)(share >> 32));
}

guint
limits_count (Limits *limits, LimitKind kind, const char *key)
{
  guint64 share = limits_share (limits, kind, key);

  return limits != NULL ? limit_sum (limit_bucket (limits, share), (guint32)(share >> 32)) : 0;
}

void
limits_clear (Limits *limits, guint slot)
{
  guint64 *words = &limits->memory->holds[0][0];

  for (guint i = 0; i < BUCKETS * HOLDS; i++) {
    guint64 word = __atomic_load_n (&words[i], __ATOMIC_RELAXED);

    if (word != 0 && HOLD_SLOT (word) == slot)
      __atomic_store_n (&words[i], 0, __ATOMIC_SEQ_CST);
  }
  __atomic_store_n (&limits->memory->connections[slot], 0, __ATOMIC_RELAXED);
}

/* ---- rates ------------------------------------------------------------- */

/* The key's word, or one whose time has passed, which is as good as none: its value is in *RET.
 * NULL: all are in use. */
static guint64 *
limit_find_rate (guint64 *bucket, guint32 tag, gint64 now, guint64 *ret)
{
  guint64 *free_word = NULL;

  for (guint i = 0; i < RATES; i++) {
    guint64 word = __atomic_load_n (&bucket[i], __ATOMIC_RELAXED);

    if (RATE_TAG (word) == tag && RATE_TIME (word) > now) {
      *ret = word;
      return &bucket[i];
    }
    if (free_word == NULL && RATE_TIME (word) <= now) {
      free_word = &bucket[i];
      *ret = word;
    }
  }
  return free_word;
}

guint
limits_write (Limits *limits, const char *key, gint64 now)
{
  const gint64 reach = BURST_S * TICKS_A_S;
  guint rate = limits_value (limits, LIMIT_WRITES);
  guint64 hash, old, *bucket, *word;
  guint32 tag;
  gint64 step, due;

  if (rate == 0)
    return 0;
  hash = limit_hash (limits, LIMIT_WRITES, key);
  bucket = limits->memory->rates[hash & (BUCKETS - 1)];
  tag = (guint32)(hash >> RATE_TIME_BITS);
  step = MAX (TICKS_A_S / rate, 1);
  now /= TICK_US;
  do {
    word = limit_find_rate (bucket, tag, now, &old);
    if (word == NULL)
      return 0;
    due = (RATE_TAG (old) == tag ? MAX (RATE_TIME (old), now) : now) + step;
    if (due - now > reach)
      return (guint)((due - now - reach + TICKS_A_S - 1) / TICKS_A_S);
  } while (!__atomic_compare_exchange_n (word, &old, (guint64)tag << RATE_TIME_BITS | (guint64)due,
                                         FALSE, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return 0;
}

/* ---- the rest ---------------------------------------------------------- */

void
limits_tell (Limits *limits, LimitKind kind, const char *who)
{
  gint64 now = g_get_monotonic_time ();

  if (limits->lines[kind].logged != 0 && now - limits->lines[kind].logged < G_USEC_PER_SEC) {
    limits->lines[kind].unlogged++;
    return;
  }
  log_line (G_LOG_LEVEL_MESSAGE, "limit reached", DAE_S ("setting", limit_kinds[kind].setting),
            DAE_S ("limits", limit_kinds[kind].what), DAE_I ("value", limits->values[kind]),
            DAE_S ("who", who), DAE_I ("unlogged", limits->lines[kind].unlogged));
  limits->lines[kind].logged = now;
  limits->lines[kind].unlogged = 0;
}

void
limits_set_connections (Limits *limits, guint connections, gboolean accepts)
{
  if (limits != NULL)
    __atomic_store_n (&limits->memory->connections[limits->slot],
                      MIN (connections, ACCEPTS - 1) | (accepts ? ACCEPTS : 0), __ATOMIC_RELAXED);
}

gboolean
limits_should_yield (Limits *limits)
{
  guint64 sum = 0, own = 0;
  guint n = 0, n_slots;

  if (limits == NULL)
    return FALSE;
  n_slots = MIN (__atomic_load_n (&limits->memory->n_slots, __ATOMIC_RELAXED), LIMIT_SLOTS);
  for (guint slot = 0; slot < n_slots; slot++) {
    guint32 one = __atomic_load_n (&limits->memory->connections[slot], __ATOMIC_RELAXED);

    if ((one & ACCEPTS) == 0)
      continue;
    sum += one & ~ACCEPTS;
    n++;
    if (slot == limits->slot)
      own = one & ~ACCEPTS;
  }
  /* in terms of the mean, times N */
  return n >= 2 && own * n >= sum + MAX (sum / YIELD_PART, (guint64)YIELD_LEAST * n);
}
