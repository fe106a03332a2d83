/* SPDX-License-Identifier: Apache-2.0 */
/* bus: hints between workers through the supervisor, and between hosts through the database. */
#include "bus.h"

#include "../data/database.h"
#include "../observe/log.h"
#include "../observe/metrics.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOTIFY_EVERY_MS 10
#define RETRY_EVERY_MS  20
#define SAFETY_POLL_S   30

typedef struct {
  guint id;
  char *topic; /* owned; without the "*" of a prefix */
  gboolean is_prefix;
  BusFunc func;
  gpointer data;
} Subscription;

struct Bus {
  Host *host;
  int fd;
  char *instance; /* owned */
  guint next_id;
  GHashTable *by_id;    /* id -> Subscription, owned */
  GHashTable *by_topic; /* topic -> GArray of ids */
  GArray *prefixes;     /* ids */
  GQueue local;         /* own hints, "topic\0text\0", waiting for the next turn */
  GHashTable *outward;  /* payloads for NOTIFY: a set */
  GQueue unsent;        /* control messages that the full socket did not take: GBytes */
  gboolean hints_lost;  /* the supervisor is to tell the others that some hint is missing */
  guint read_source, local_source, notify_source, retry_source, poll_source;
  BusControl control;
  gpointer control_data;
  MetricsSeries *sent, *lost;
};

static void
subscription_free (gpointer data)
{
  Subscription *subscription = data;

  g_free (subscription->topic);
  g_free (subscription);
}

static void
deliver_to (Bus *bus, GArray *ids, const char *topic, const char *text)
{
  g_autofree guint *copy = g_memdup2 (ids->data, sizeof (guint) * ids->len);
  guint n = ids->len;

  /* a subscriber may end itself or others meanwhile: look each one up again */
  for (guint i = 0; i < n; i++) {
    Subscription *subscription = g_hash_table_lookup (bus->by_id, GUINT_TO_POINTER (copy[i]));

    if (subscription != NULL &&
        (!subscription->is_prefix || g_str_has_prefix (topic, subscription->topic)))
      subscription->func (topic, text, subscription->data);
  }
}

static void
deliver (Bus *bus, const char *topic, const char *text)
{
  GArray *ids = g_hash_table_lookup (bus->by_topic, topic);

  if (ids != NULL)
    deliver_to (bus, ids, topic, text);
  if (bus->prefixes->len > 0)
    deliver_to (bus, bus->prefixes, topic, text);
}

/* Something was missed: everybody rereads. */
static void
deliver_loss (Bus *bus)
{
  g_autoptr (GList) ids = g_hash_table_get_keys (bus->by_id);

  for (GList *l = ids; l != NULL; l = l->next) {
    Subscription *subscription = g_hash_table_lookup (bus->by_id, l->data);

    if (subscription != NULL)
      subscription->func (subscription->topic, NULL, subscription->data);
  }
}

static gboolean
deliver_local (gpointer data)
{
  Bus *bus = data;
  GQueue queue = bus->local;

  bus->local_source = 0;
  g_queue_init (&bus->local);
  for (char *message; (message = g_queue_pop_head (&queue)) != NULL; g_free (message))
    deliver (bus, message, message + strlen (message) + 1);
  return G_SOURCE_REMOVE;
}

static gboolean
safety_poll (gpointer data)
{
  deliver_loss (data);
  return G_SOURCE_CONTINUE;
}

static void
handle_message (Bus *bus, char *message, gsize length)
{
  message[length] = '\0';
  switch (message[0]) {
  case 'H': {
    gsize topic_length = strlen (message + 1);

    if (topic_length + 2 <= length)
      deliver (bus, message + 1, message + 1 + topic_length + 1);
    break;
  }
  case 'L':
    deliver_loss (bus);
    break;
  default:
    if (bus->control != NULL)
      bus->control (message[0], message + 1, bus->control_data);
  }
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer data)
{
  Bus *bus = data;
  static char message[64 * 1024 + 1];

  for (guint i = 0; i < 64; i++) {
    ssize_t length = recv (fd, message, sizeof message - 1, MSG_DONTWAIT);

    if (length > 0) {
      handle_message (bus, message, (gsize)length);
      continue;
    }
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
      return G_SOURCE_CONTINUE;
    /* the supervisor has gone: PDEATHSIG is on its way */
    bus->read_source = 0;
    if (bus->control != NULL)
      bus->control ('Q', "", bus->control_data);
    return G_SOURCE_REMOVE;
  }
  return G_SOURCE_CONTINUE;
}

static gboolean
flush_unsent (gpointer data)
{
  Bus *bus = data;

  for (GBytes *bytes; (bytes = g_queue_peek_head (&bus->unsent)) != NULL;) {
    gsize size;
    const void *message = g_bytes_get_data (bytes, &size);

    if (send (bus->fd, message, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN)
      return G_SOURCE_CONTINUE;
    g_bytes_unref (g_queue_pop_head (&bus->unsent));
  }
  if (bus->hints_lost && send (bus->fd, "L", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN)
    return G_SOURCE_CONTINUE;
  bus->hints_lost = FALSE;
  bus->retry_source = 0;
  return G_SOURCE_REMOVE;
}

static void
retry_later (Bus *bus)
{
  if (bus->retry_source == 0)
    bus->retry_source = g_timeout_add (RETRY_EVERY_MS, flush_unsent, bus);
}

void
bus_send_control (Bus *bus, char letter, const char *text)
{
  g_autofree char *message = g_strdup_printf ("%c%s", letter, text);
  gsize size = strlen (message);

  if (bus->fd < 0)
    return;
  if (g_queue_is_empty (&bus->unsent) &&
      send (bus->fd, message, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
    return;
  if (g_queue_is_empty (&bus->unsent) && errno != EAGAIN)
    return;
  g_queue_push_tail (&bus->unsent, g_bytes_new_take (g_steal_pointer (&message), size));
  retry_later (bus);
}

static void
send_to_workers (Bus *bus, const char *topic, const char *text)
{
  char message[BUS_MAX_MESSAGE + 3];
  gsize topic_length = strlen (topic) + 1, text_length = strlen (text) + 1;

  if (bus->fd < 0)
    return;
  message[0] = 'H';
  memcpy (message + 1, topic, topic_length);
  memcpy (message + 1 + topic_length, text, text_length);
  if (send (bus->fd, message, 1 + topic_length + text_length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
    metrics_add (bus->sent, 1);
    return;
  }
  metrics_add (bus->lost, 1);
  if (errno == EAGAIN) {
    bus->hints_lost = TRUE;
    retry_later (bus);
  }
}

static gboolean
send_to_hosts (gpointer data)
{
  Bus *bus = data;
  GPtrArray *payloads = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer key;

  bus->notify_source = 0;
  g_hash_table_iter_init (&iter, bus->outward);
  while (g_hash_table_iter_next (&iter, &key, NULL)) {
    g_hash_table_iter_steal (&iter);
    g_ptr_array_add (payloads, key);
  }
  database_notify (bus->host->database, payloads);
  return G_SOURCE_REMOVE;
}

/* A payload is "INSTANCE TOPIC TEXT"; neither instance nor topic holds a blank. */
static void
on_notified (const char *payload, gpointer data)
{
  Bus *bus = data;
  g_auto (GStrv) parts = NULL;

  if (payload == NULL) {
    deliver_loss (bus);
    return;
  }
  parts = g_strsplit (payload, " ", 3);
  if (g_strv_length (parts) == 3 && strcmp (parts[0], bus->instance) != 0)
    deliver (bus, parts[1], parts[2]);
}

void
bus_publish (Bus *bus, const char *topic, const char *text)
{
  gsize topic_size, text_size;
  char *message;

  if (text == NULL)
    text = "";
  topic_size = strlen (topic) + 1;
  text_size = strlen (text) + 1;
  g_return_if_fail (topic_size + text_size <= BUS_MAX_MESSAGE && strchr (topic, ' ') == NULL);

  message = g_malloc (topic_size + text_size);
  memcpy (message, topic, topic_size);
  memcpy (message + topic_size, text, text_size);
  g_queue_push_tail (&bus->local, message);
  if (bus->local_source == 0)
    bus->local_source = g_idle_add_full (G_PRIORITY_DEFAULT, deliver_local, bus, NULL);

  send_to_workers (bus, topic, text);

  if (bus->host->database != NULL && !database_is_sqlite (bus->host->database)) {
    g_hash_table_add (bus->outward, g_strconcat (bus->instance, " ", topic, " ", text, NULL));
    if (bus->notify_source == 0)
      bus->notify_source = g_timeout_add (NOTIFY_EVERY_MS, send_to_hosts, bus);
  }
}

guint
bus_subscribe (Bus *bus, const char *topic, BusFunc func, gpointer data)
{
  Subscription *subscription = g_new0 (Subscription, 1);
  GArray *ids;

  subscription->id = ++bus->next_id;
  subscription->is_prefix = g_str_has_suffix (topic, ":*");
  subscription->topic = g_strndup (topic, strlen (topic) - (subscription->is_prefix ? 1 : 0));
  subscription->func = func;
  subscription->data = data;
  g_hash_table_insert (bus->by_id, GUINT_TO_POINTER (subscription->id), subscription);

  ids = subscription->is_prefix ? bus->prefixes : g_hash_table_lookup (bus->by_topic, topic);
  if (ids == NULL) {
    ids = g_array_new (FALSE, FALSE, sizeof (guint));
    g_hash_table_insert (bus->by_topic, g_strdup (topic), ids);
  }
  g_array_append_val (ids, subscription->id);
  return subscription->id;
}

void
bus_unsubscribe (Bus *bus, guint id)
{
  Subscription *subscription = g_hash_table_lookup (bus->by_id, GUINT_TO_POINTER (id));
  GArray *ids;

  g_return_if_fail (subscription != NULL);
  ids = subscription->is_prefix ? bus->prefixes
                                : g_hash_table_lookup (bus->by_topic, subscription->topic);
  for (guint i = 0; i < ids->len; i++) {
    if (g_array_index (ids, guint, i) == id) {
      g_array_remove_index (ids, i);
      break;
    }
  }
  if (!subscription->is_prefix && ids->len == 0)
    g_hash_table_remove (bus->by_topic, subscription->topic);
  g_hash_table_remove (bus->by_id, GUINT_TO_POINTER (id));
}

void
bus_on_control (Bus *bus, BusControl func, gpointer data)
{
  bus->control = func;
  bus->control_data = data;
}

Bus *
bus_new (Host *host, int fd, const char *instance)
{
  static const DaeMetric row = { .name = "bus_messages_total",
                                 .type = DAE_COUNTER,
                                 .help = "Hints sent to other workers",
                                 .labels = "outcome=sent|lost" };
  MetricsFamily *family = metrics_add_family (host->metrics, NULL, &row, NULL);
  Bus *bus = g_new0 (Bus, 1);

  g_assert (family != NULL);
  bus->host = host;
  bus->fd = fd;
  bus->instance = g_strdup (instance);
  bus->by_id = g_hash_table_new_full (NULL, NULL, NULL, subscription_free);
  bus->by_topic =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
  bus->prefixes = g_array_new (FALSE, FALSE, sizeof (guint));
  bus->outward = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_queue_init (&bus->local);
  g_queue_init (&bus->unsent);
  bus->sent = metrics_series (family, (const char *[]){ "sent" }, 1);
  bus->lost = metrics_series (family, (const char *[]){ "lost" }, 1);
  if (fd >= 0)
    bus->read_source = g_unix_fd_add_full (G_PRIORITY_DEFAULT, fd, G_IO_IN, on_readable, bus, NULL);
  bus->poll_source = g_timeout_add_seconds (SAFETY_POLL_S, safety_poll, bus);
  if (host->database != NULL)
    database_listen (host->database, on_notified, bus);
  return bus;
}

void
bus_free (Bus *bus)
{
  guint *sources[] = { &bus->read_source, &bus->local_source, &bus->notify_source,
                       &bus->retry_source, &bus->poll_source };

  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    if (*sources[i] != 0)
      g_source_remove (*sources[i]);
  g_queue_clear_full (&bus->local, g_free);
  g_queue_clear_full (&bus->unsent, (GDestroyNotify)g_bytes_unref);
  g_hash_table_unref (bus->by_topic);
  g_hash_table_unref (bus->by_id);
  g_hash_table_unref (bus->outward);
  g_array_unref (bus->prefixes);
  g_free (bus->instance);
  if (bus->fd >= 0)
    close (bus->fd);
  g_free (bus);
}
