/* SPDX-License-Identifier: Apache-2.0 */
/* exchange-api: the slots of DaeApi that need an exchange under way: request_fill_api puts them in.
 */
#pragma once

#include "dae-api.h"

/* dae_send: handle.c. */
void handle_fill_api (DaeApi *api);
/* dae-stream.h: answer-stream.c. */
void answer_stream_fill_api (DaeApi *api);
