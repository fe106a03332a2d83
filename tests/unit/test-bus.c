/* SPDX-License-Identifier: Apache-2.0 */
/* test-bus: hints reach whom they should, and a loss is told. */
#include "process/bus.h"

#include "observe/metrics.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
  Host host;
  Bus *bus;
  int peer; /* the supervisor's end */
  int metrics_fd;
  GString *heard;
  guint first;
} Fixture;

static void
hear (const char *topic, const char *text, gpointer data)
{
  Fixture *fixture = data;

  g_string_append_printf (fixture->heard, "%s=%s;", topic, text != NULL ? text : "(lost)");
}

static void
hear_and_leave (const char *topic, const char *text, gpointer data)
{
  Fixture *fixture = data;

  hear (topic, text, data);
  bus_unsubscribe (fixture->bus, fixture->first);
}

static void
setup (Fixture *fixture, gconstpointer data)
{
  int ends[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, ends), ==, 0);
  fixture->peer = ends[1];
  fixture->metrics_fd = metrics_create_memory ();
  fixture->host.metrics = metrics_new (fixture->metrics_fd, 1);
  fixture->bus = bus_new (&fixture->host, ends[0], "here");
  fixture->heard = g_string_new (NULL);
}

static void
teardown (Fixture *fixture, gconstpointer data)
{
  bus_free (fixture->bus);
  metrics_free (fixture->host.metrics);
  close (fixture->metrics_fd);
  close (fixture->peer);
  g_string_free (fixture->heard, TRUE);
}

static void
turn (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    continue;
}

static void
test_bus_delivers_by_topic_and_prefix (Fixture *fixture, gconstpointer data)
{
  bus_subscribe (fixture->bus, "conversation:1", hear, fixture);
  bus_subscribe (fixture->bus, "conversation:*", hear, fixture);
  bus_publish (fixture->bus, "conversation:1", "7");
  g_assert_cmpstr (fixture->heard->str, ==, "");
  turn ();
  g_assert_cmpstr (fixture->heard->str, ==, "conversation:1=7;conversation:1=7;");
  g_string_truncate (fixture->heard, 0);
  bus_publish (fixture->bus, "conversation:2", NULL);
  bus_publish (fixture->bus, "turn:2", "x");
  turn ();
  g_assert_cmpstr (fixture->heard->str, ==, "conversation:2=;");
}

static void
test_bus_passes_hints_to_and_from_the_supervisor (Fixture *fixture, gconstpointer data)
{
  char message[600];

  bus_subscribe (fixture->bus, "a", hear, fixture);
  bus_publish (fixture->bus, "a", "b");
  g_assert_cmpint (recv (fixture->peer, message, sizeof message, MSG_DONTWAIT), ==, 5);
  g_assert_cmpint (memcmp (message, "Ha\0b\0", 5), ==, 0);
  turn ();
  g_string_truncate (fixture->heard, 0);
  g_assert_cmpint (send (fixture->peer, "Ha\0far\0", 7, 0), ==, 7);
  turn ();
  g_assert_cmpstr (fixture->heard->str, ==, "a=far;");
}

static void
test_bus_tells_of_a_loss (Fixture *fixture, gconstpointer data)
{
  bus_subscribe (fixture->bus, "a", hear, fixture);
  bus_subscribe (fixture->bus, "b", hear, fixture);
  g_assert_cmpint (send (fixture->peer, "L", 1, 0), ==, 1);
  turn ();
  g_assert_nonnull (strstr (fixture->heard->str, "a=(lost);"));
  g_assert_nonnull (strstr (fixture->heard->str, "b=(lost);"));
}

static void
test_bus_full_socket_becomes_a_loss_for_the_others (Fixture *fixture, gconstpointer data)
{
  char message[600];
  gboolean lost = FALSE;
  gint64 end = g_get_monotonic_time () + 5 * G_USEC_PER_SEC;

  for (guint i = 0; i < 5000; i++)
    bus_publish (fixture->bus, "a", "much");
  turn ();
  while (!lost && g_get_monotonic_time () < end) {
    ssize_t length = recv (fixture->peer, message, sizeof message, MSG_DONTWAIT);

    lost = length == 1 && message[0] == 'L';
    if (length <= 0)
      g_main_context_iteration (NULL, TRUE);
  }
  g_assert_true (lost);
}

static void
test_bus_subscriber_may_end_another_meanwhile (Fixture *fixture, gconstpointer data)
{
  bus_subscribe (fixture->bus, "a", hear_and_leave, fixture);
  fixture->first = bus_subscribe (fixture->bus, "a", hear, fixture);
  bus_publish (fixture->bus, "a", "1");
  turn ();
  g_assert_cmpstr (fixture->heard->str, ==, "a=1;");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/bus/delivers-by-topic-and-prefix", Fixture, NULL, setup,
              test_bus_delivers_by_topic_and_prefix, teardown);
  g_test_add ("/bus/passes-hints-to-and-from-the-supervisor", Fixture, NULL, setup,
              test_bus_passes_hints_to_and_from_the_supervisor, teardown);
  g_test_add ("/bus/tells-of-a-loss", Fixture, NULL, setup, test_bus_tells_of_a_loss, teardown);
  g_test_add ("/bus/full-socket-becomes-a-loss-for-the-others", Fixture, NULL, setup,
              test_bus_full_socket_becomes_a_loss_for_the_others, teardown);
  g_test_add ("/bus/subscriber-may-end-another-meanwhile", Fixture, NULL, setup,
              test_bus_subscriber_may_end_another_meanwhile, teardown);
  return g_test_run ();
}
