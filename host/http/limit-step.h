/* SPDX-License-Identifier: Apache-2.0 */
/* limit-step: what the limits mean for a request: shares that it holds until its end, or 429. */
#pragma once

#include "limit.h"
#include "passage.h"

/* A step of the exchange. */
gboolean limit_step (Passage *passage);
/* The passage ends: what it holds is given back. */
void limit_step_end (Passage *passage);
/* Its event stream lives on, and has this share from now on. */
guint64 limit_step_pass_on (Passage *passage);
