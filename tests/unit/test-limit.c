/* SPDX-License-Identifier: Apache-2.0 */
/* test-limit: what several processes take together, and what is left of one that died. */
#include "http/limit.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW (G_GINT64_CONSTANT (1000) * G_USEC_PER_SEC)

typedef struct {
  int fd;
  Limits *supervisor, *one, *two;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->fd = limits_create_memory ();
  g_assert_cmpint (fixture->fd, >=, 0);
  fixture->supervisor = limits_new (fixture->fd, 0);
  fixture->one = limits_new (fixture->fd, 1);
  fixture->two = limits_new (fixture->fd, 320);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  limits_free (fixture->supervisor);
  limits_free (fixture->one);
  limits_free (fixture->two);
  close (fixture->fd);
}

static void
limit_both (Fixture *fixture, LimitKind kind, guint value)
{
  limits_set (fixture->one, kind, value);
  limits_set (fixture->two, kind, value);
}

static void
test_limit_holds_over_processes (Fixture *fixture, gconstpointer data)
{
  limit_both (fixture, LIMIT_STREAMS, 3);
  g_assert_true (0 != limits_take (fixture->one, LIMIT_STREAMS, "ada"));
  g_assert_true (0 != limits_take (fixture->two, LIMIT_STREAMS, "ada"));
  g_assert_true (0 != limits_take (fixture->one, LIMIT_STREAMS, "ada"));
  g_assert_false (0 != limits_take (fixture->one, LIMIT_STREAMS, "ada"));
  g_assert_false (0 != limits_take (fixture->two, LIMIT_STREAMS, "ada"));
  g_assert_cmpuint (limits_count (fixture->supervisor, LIMIT_STREAMS, "ada"), ==, 3);
  /* neither another person nor another kind is touched */
  g_assert_true (0 != limits_take (fixture->two, LIMIT_STREAMS, "adam"));
  g_assert_true (0 != limits_take (fixture->two, LIMIT_UPLOADS, "ada"));
  limits_give (fixture->one, limits_share (fixture->one, LIMIT_STREAMS, "ada"));
  g_assert_true (0 != limits_take (fixture->two, LIMIT_STREAMS, "ada"));
  g_assert_false (0 != limits_take (fixture->two, LIMIT_STREAMS, "ada"));
}

static void
test_limit_of_nothing_counts_only (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < 1000; i++)
    g_assert_true (0 != limits_take (fixture->one, LIMIT_TURNS, ""));
  g_assert_cmpuint (limits_count (fixture->two, LIMIT_TURNS, ""), ==, 1000);
  /* as after a reload: who has a limit sees what is held without one */
  limits_set (fixture->two, LIMIT_TURNS, 10);
  g_assert_false (0 != limits_take (fixture->two, LIMIT_TURNS, ""));
  for (guint i = 0; i < 991; i++)
    limits_give (fixture->one, limits_share (fixture->one, LIMIT_TURNS, ""));
  g_assert_true (0 != limits_take (fixture->two, LIMIT_TURNS, ""));
  g_assert_false (0 != limits_take (fixture->two, LIMIT_TURNS, ""));
  g_assert_true (0 != limits_take (NULL, LIMIT_TURNS, ""));
  limits_give (NULL, limits_share (NULL, LIMIT_TURNS, ""));
  g_assert_cmpuint (limits_write (NULL, "", NOW), ==, 0);
}

static void
test_limit_gives_no_more_than_was_taken (Fixture *fixture, gconstpointer data)
{
  limits_give (fixture->one, limits_share (fixture->one, LIMIT_TURNS, ""));
  g_assert_true (0 != limits_take (fixture->two, LIMIT_TURNS, ""));
  limits_give (fixture->one, limits_share (fixture->one, LIMIT_TURNS, ""));
  g_assert_cmpuint (limits_count (fixture->one, LIMIT_TURNS, ""), ==, 1);
}

static void
test_limit_of_the_dead_returns (Fixture *fixture, gconstpointer data)
{
  limit_both (fixture, LIMIT_TURNS, 4);
  for (guint i = 0; i < 3; i++)
    g_assert_true (0 != limits_take (fixture->one, LIMIT_TURNS, ""));
  g_assert_true (0 != limits_take (fixture->two, LIMIT_TURNS, ""));
  g_assert_true (0 != limits_take (fixture->one, LIMIT_STREAMS, "ada"));
  limits_set_connections (fixture->one, 100, TRUE);
  limits_clear (fixture->supervisor, 1);
  g_assert_cmpuint (limits_count (fixture->two, LIMIT_TURNS, ""), ==, 1);
  g_assert_cmpuint (limits_count (fixture->two, LIMIT_STREAMS, "ada"), ==, 0);
  for (guint i = 0; i < 3; i++)
    g_assert_true (0 != limits_take (fixture->two, LIMIT_TURNS, ""));
  g_assert_false (0 != limits_take (fixture->two, LIMIT_TURNS, ""));
}

/* A child takes and gives until it has had a share often enough. HOLDERS is of all children: who of
 * them has one at this moment. */
static int
take_and_give (int fd, guint slot, guint most, gint *holders)
{
  Limits *limits = limits_new (fd, slot);
  gint64 deadline = g_get_monotonic_time () + 30 * G_USEC_PER_SEC;
  guint had = 0;

  limits_set (limits, LIMIT_TURNS, most);
  while (had < 5000 && g_get_monotonic_time () < deadline) {
    guint64 share = limits_take (limits, LIMIT_TURNS, "");

    if (share == 0)
      continue;
    had++;
    if (__atomic_add_fetch (holders, 1, __ATOMIC_SEQ_CST) > (gint)most - 1)
      return 2;
    __atomic_sub_fetch (holders, 1, __ATOMIC_SEQ_CST);
    limits_give (limits, share);
  }
  return had < 5000;
}

static void
test_limit_holds_in_a_crowd (Fixture *fixture, gconstpointer data)
{
  pid_t children[4];
  gint *holders =
      mmap (NULL, sizeof (gint), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  g_assert_true (holders != MAP_FAILED);
  limits_set (fixture->one, LIMIT_TURNS, 3);
  g_assert_true (0 != limits_take (fixture->one, LIMIT_TURNS, ""));
  for (guint i = 0; i < G_N_ELEMENTS (children); i++) {
    children[i] = fork ();
    if (children[i] == 0)
      _exit (take_and_give (fixture->fd, i + 2, 3, holders));
  }
  for (guint i = 0; i < G_N_ELEMENTS (children); i++) {
    int status;

    g_assert_cmpint (waitpid (children[i], &status, 0), ==, children[i]);
    g_assert_cmpint (status, ==, 0);
  }
  g_assert_cmpuint (limits_count (fixture->two, LIMIT_TURNS, ""), ==, 1);
  munmap (holders, sizeof (gint));
}

static void
test_limit_has_room_for_many_keys (Fixture *fixture, gconstpointer data)
{
  limit_both (fixture, LIMIT_PEERS, 1);
  for (guint round = 0; round < 2; round++) {
    for (guint i = 0; i < 20000; i++) {
      g_autofree char *key = g_strdup_printf ("10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);

      g_assert_true (0 != limits_take (fixture->one, LIMIT_PEERS, key));
      g_assert_false (0 != limits_take (fixture->two, LIMIT_PEERS, key));
    }
    for (guint i = 0; i < 20000; i++) {
      g_autofree char *key = g_strdup_printf ("10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);

      limits_give (fixture->one, limits_share (fixture->one, LIMIT_PEERS, key));
    }
  }
}

static void
test_limit_that_has_no_room_refuses_nobody (Fixture *fixture, gconstpointer data)
{
  const guint n = 200000;

  limits_set (fixture->one, LIMIT_PEERS, 1);
  for (guint round = 0; round < 2; round++) {
    for (guint i = 0; i < n; i++) {
      g_autofree char *key = g_strdup_printf ("%u", i);

      g_assert_true (0 != limits_take (fixture->one, LIMIT_PEERS, key));
    }
    for (guint i = 0; i < n; i++) {
      g_autofree char *key = g_strdup_printf ("%u", i);

      limits_give (fixture->one, limits_share (fixture->one, LIMIT_PEERS, key));
      g_assert_cmpuint (limits_count (fixture->one, LIMIT_PEERS, key), ==, 0);
    }
  }
}

static void
test_limit_of_writes_is_one_bucket_for_all (Fixture *fixture, gconstpointer data)
{
  limit_both (fixture, LIMIT_WRITES, 2);
  for (guint i = 0; i < 20; i++)
    g_assert_cmpuint (limits_write (i % 2 ? fixture->one : fixture->two, "ada", NOW), ==, 0);
  g_assert_cmpuint (limits_write (fixture->one, "ada", NOW), ==, 1);
  g_assert_cmpuint (limits_write (fixture->two, "ada", NOW), ==, 1);
  g_assert_cmpuint (limits_write (fixture->two, "bob", NOW), ==, 0);
  /* refusals cost nothing: after the time that was told it may be had, and not before */
  g_assert_cmpuint (limits_write (fixture->one, "ada", NOW + 499 * 1000), ==, 1);
  g_assert_cmpuint (limits_write (fixture->one, "ada", NOW + 500 * 1000), ==, 0);
  g_assert_cmpuint (limits_write (fixture->one, "ada", NOW + 500 * 1000), ==, 1);
  /* full again */
  for (guint i = 0; i < 20; i++)
    g_assert_cmpuint (limits_write (fixture->one, "ada", NOW + 60 * G_USEC_PER_SEC), ==, 0);
  g_assert_cmpuint (limits_write (fixture->one, "ada", NOW + 60 * G_USEC_PER_SEC), ==, 1);
}

static void
test_limit_tells_when_to_ask_again (Fixture *fixture, gconstpointer data)
{
  guint wait;

  limits_set (fixture->one, LIMIT_WRITES, 100);
  for (guint i = 0; i < 1000; i++)
    g_assert_cmpuint (limits_write (fixture->one, "ada", NOW), ==, 0);
  /* a reload has made it stricter: what was spent under the old limit is not forgotten */
  limits_set (fixture->two, LIMIT_WRITES, 1);
  wait = limits_write (fixture->two, "ada", NOW);
  g_assert_cmpuint (wait, ==, 1);
  g_assert_cmpuint (limits_write (fixture->two, "ada", NOW + wait * G_USEC_PER_SEC), ==, 0);
}

static void
test_limit_of_writes_outlives_a_death (Fixture *fixture, gconstpointer data)
{
  limit_both (fixture, LIMIT_WRITES, 1);
  for (guint i = 0; i < 10; i++)
    g_assert_cmpuint (limits_write (fixture->one, "ada", NOW), ==, 0);
  limits_clear (fixture->supervisor, 1);
  g_assert_cmpuint (limits_write (fixture->two, "ada", NOW), ==, 1);
}

static void
test_limit_takes_ipv6_by_network (void)
{
  static const struct {
    const char *address, *key;
  } rows[] = {
    { "192.0.2.7", "192.0.2.7" },
    { "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::" },
    { "2001:db8:1:2::1", "2001:db8:1:2::" },
    { "2001:db8:1:3::1", "2001:db8:1:3::" },
    { "::1", "::" },
    { "unix", "unix" },
    { "", "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    char key[LIMIT_ADDRESS_SIZE];

    limits_address (rows[i].address, key);
    g_assert_cmpstr (key, ==, rows[i].key);
  }
}

static void
test_limit_lets_others_go_first (Fixture *fixture, gconstpointer data)
{
  static const struct {
    guint own, other;
    gboolean other_accepts, yields;
  } rows[] = { { 0, 0, TRUE, FALSE },        { 15, 0, TRUE, FALSE },
               { 16, 0, TRUE, TRUE },        { 16, 0, FALSE, FALSE },
               { 1000, 1000, TRUE, FALSE },  { 1000, 900, TRUE, FALSE },
               { 1000, 700, TRUE, TRUE },    { 700, 1000, TRUE, FALSE },
               { 1000, 2000, FALSE, FALSE }, { 1000, 1000, FALSE, FALSE } };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    limits_set_connections (fixture->one, rows[i].own, TRUE);
    limits_set_connections (fixture->two, rows[i].other, rows[i].other_accepts);
    g_assert_cmpint (limits_should_yield (fixture->one), ==, rows[i].yields);
  }
  limits_set_connections (fixture->one, 100, TRUE);
  limits_set_connections (fixture->two, 0, TRUE);
  g_assert_true (limits_should_yield (fixture->one));
  limits_clear (fixture->supervisor, 320);
  g_assert_false (limits_should_yield (fixture->one));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)
  ADD ("/limit/holds-over-processes", test_limit_holds_over_processes);
  ADD ("/limit/of-nothing-counts-only", test_limit_of_nothing_counts_only);
  ADD ("/limit/gives-no-more-than-was-taken", test_limit_gives_no_more_than_was_taken);
  ADD ("/limit/of-the-dead-returns", test_limit_of_the_dead_returns);
  ADD ("/limit/holds-in-a-crowd", test_limit_holds_in_a_crowd);
  ADD ("/limit/has-room-for-many-keys", test_limit_has_room_for_many_keys);
  ADD ("/limit/that-has-no-room-refuses-nobody", test_limit_that_has_no_room_refuses_nobody);
  ADD ("/limit/of-writes-is-one-bucket-for-all", test_limit_of_writes_is_one_bucket_for_all);
  ADD ("/limit/tells-when-to-ask-again", test_limit_tells_when_to_ask_again);
  ADD ("/limit/of-writes-outlives-a-death", test_limit_of_writes_outlives_a_death);
  ADD ("/limit/lets-others-go-first", test_limit_lets_others_go_first);
#undef ADD
  g_test_add_func ("/limit/takes-ipv6-by-network", test_limit_takes_ipv6_by_network);
  return g_test_run ();
}
