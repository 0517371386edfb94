# What an operator edits: where Entrepot answers, and who may purge. entrepot.vcl includes this file.

probe health {
    .url = "/_health/";
    .interval = 1s;
    .timeout = 1s;
    .window = 3;
    .threshold = 2;
    .initial = 2;
}

backend origin {
    .host = "127.0.0.1";
    .port = "8000";
    .probe = health;
    .connect_timeout = 1s;
    .max_connections = 200;
}

# With several machines: one backend for each, a director in `sub vcl_init`, and `director.backend()` here.
sub entrepot_origin {
    set req.backend_hint = origin;
}

# From where a purge may come, besides the token that it must carry: the machines that run `entrepot`.
acl purgers {
    "127.0.0.0"/8;
    "::1";
    "10.0.0.0"/8;
    "172.16.0.0"/12;
    "192.168.0.0"/16;
}
