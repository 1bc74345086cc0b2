"""WebSockets at /ws: who is told of which events, live and after having been away, and bookings by message.

Owns no table. Keeps one-time tickets in Redis. docs/sockets.md defines every frame.

days: what the events mean for the days on which something can be booked.

handshake → connection (one a socket: queue in, queue out) → commands; reader (one a process) → hub → connections.
"""
