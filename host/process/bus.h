/* SPDX-License-Identifier: Apache-2.0 */
/* bus: hints between the workers of this host (through the supervisor) and of all hosts (through
 * the database). See dae-topic.h. Loop only.
 *
 * The socket to the supervisor is SOCK_SEQPACKET; a message is one letter and
 * its text. The bus keeps hints ('H') and losses ('L'); other letters go to the
 * control function of worker.c.
 */
#pragma once

#include "../host.h"

typedef void (*BusFunc) (const char *topic, const char *text, gpointer data);
typedef void (*BusControl) (char letter, const char *text, gpointer data);

#define BUS_MAX_MESSAGE 512

/* FD: this worker's end of the socket pair to the supervisor; -1: alone. INSTANCE: a word that
 * tells this supervisor's workers from those of other hosts. */
Bus *bus_new (Host *host, int fd, const char *instance);
void bus_free (Bus *bus);
void bus_on_control (Bus *bus, BusControl func, gpointer data);
/* Sends a message other than a hint to the supervisor: kept and sent later if the socket is full.
 * Its text may be up to 64 KiB. */
void bus_send_control (Bus *bus, char letter, const char *text);

/* To this worker's subscribers on the next turn of the loop, to other workers at once, to other
 * hosts within 10 ms, deduplicated. A hint over BUS_MAX_MESSAGE bytes is a fault of the caller. */
void bus_publish (Bus *bus, const char *topic, const char *text);
/* A TOPIC that ends in ":*" takes all that begin alike. Never 0. */
guint bus_subscribe (Bus *bus, const char *topic, BusFunc func, gpointer data);
void bus_unsubscribe (Bus *bus, guint subscription);
