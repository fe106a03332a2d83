/* SPDX-License-Identifier: Apache-2.0 */
/* uuid7: 48 bits of milliseconds, 12 bits that count within a millisecond from a
 * random start (RFC 9562, 6.2 method 1), 62 random bits. A clock that goes back is waited out by
 * counting on.
 */
#include "uuid7.h"

#include <sys/random.h>
#include <unistd.h>

#define UUID7_COUNTER_MAX 0x0fff

typedef struct {
  GMutex mutex;
  guint64 ms;
  guint counter;
  guint8 pool[1024]; /* random bytes not used yet, from `used` on */
  gsize used;
} Uuid7;

static Uuid7 uuid7 = { .used = sizeof uuid7.pool };

static void
uuid7_fill_pool (void)
{
  gsize filled = 0;

  while (filled < sizeof uuid7.pool) {
    ssize_t got =
        TEMP_FAILURE_RETRY (getrandom (uuid7.pool + filled, sizeof uuid7.pool - filled, 0));

    /* identifiers that can be guessed would open other people's doors */
    g_assert (got > 0);
    filled += (gsize)got;
  }
  uuid7.used = 0;
}

static guint8
uuid7_random (void)
{
  if (uuid7.used == sizeof uuid7.pool)
    uuid7_fill_pool ();
  return uuid7.pool[uuid7.used++];
}

static void
uuid7_advance (void)
{
  guint64 now = (guint64)(g_get_real_time () / 1000);

  if (now > uuid7.ms) {
    uuid7.ms = now;
    uuid7.counter = (guint)uuid7_random () << 3; /* the upper half is room to count */
  } else if (uuid7.counter == UUID7_COUNTER_MAX) {
    uuid7.ms++;
    uuid7.counter = 0;
  } else {
    uuid7.counter++;
  }
}

void
uuid7_new (char *ret_37_bytes)
{
  static const char digits[] = "0123456789abcdef";
  guint8 bytes[16];
  char *to = ret_37_bytes;

  g_mutex_lock (&uuid7.mutex);
  uuid7_advance ();
  for (guint i = 0; i < 6; i++)
    bytes[i] = (guint8)(uuid7.ms >> (40 - 8 * i));
  bytes[6] = (guint8)(0x70 | uuid7.counter >> 8);
  bytes[7] = (guint8)uuid7.counter;
  for (guint i = 8; i < 16; i++)
    bytes[i] = uuid7_random ();
  g_mutex_unlock (&uuid7.mutex);
  bytes[8] = (guint8)(0x80 | (bytes[8] & 0x3f));
  for (guint i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      *to++ = '-';
    *to++ = digits[bytes[i] >> 4];
    *to++ = digits[bytes[i] & 0x0f];
  }
  *to = '\0';
}
