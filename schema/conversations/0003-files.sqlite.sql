-- SPDX-License-Identifier: Apache-2.0
-- How many files are attached to a message: only of those that have some is asked which.
ALTER TABLE message ADD COLUMN n_files INTEGER NOT NULL DEFAULT 0;
