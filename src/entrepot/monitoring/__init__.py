"""What operators learn of an installation, and how: logs, figures, spans, probes. Knows no Django."""
