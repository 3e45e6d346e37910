"""Files and streams of this computer: settings, logs, claims, pulse, output."""
