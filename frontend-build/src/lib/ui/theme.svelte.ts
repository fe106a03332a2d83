// SPDX-License-Identifier: Apache-2.0
// Light, dark, or as the system has it.
export type Theme = 'auto' | 'light' | 'dark';

const NAME = 'daedalus:theme';

function stored(): Theme {
  const value = localStorage.getItem(NAME);
  return value === 'light' || value === 'dark' ? value : 'auto';
}

class Appearance {
  theme = $state<Theme>(stored());

  apply(): void {
    if (this.theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.theme;
  }

  set(theme: Theme): void {
    this.theme = theme;
    localStorage.setItem(NAME, theme);
    this.apply();
  }
}

export const appearance = new Appearance();
