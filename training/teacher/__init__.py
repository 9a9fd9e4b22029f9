"""The teacher of the default voice: Kokoro-82M, opened, with speakers and emotions made between its halves."""
