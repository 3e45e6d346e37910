"""Files of this computer: settings, logs, claims, pulse, output."""
