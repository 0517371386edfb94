vcl 4.1;

# Entrepot behind Varnish 7, with the modules of Debian's package varnish-modules. Start it with
#
#     VARNISH_PURGE_TOKEN=... varnishd -a :80 -f /etc/varnish/entrepot.vcl -s malloc,4g \
#         -p http_gzip_support=off -p backend_idle_timeout=4
#
# http_gzip_support=off: the origin sends each coding with a strong ETag of its own, and Varnish must neither make nor
#   undo one. Left on, Varnish asks for gzip alone: right still, but larger than zstd and br.
# backend_idle_timeout: shorter than the origin's own 5 s, so that no request meets a connection that is being closed.
#
# The rules, and which threat each one answers:
# - Only routes on a list are cached (cache deception); the key is the path and the folded Accept and Accept-Encoding.
# - What carries credentials or a session is passed on, and its answer is kept from everybody else.
# - Headers that a client could forge do not reach the origin.
# - Errors are never served to anybody but who caused them; a 404 lives for ten seconds and can be purged.
# - After a purge the next request waits for the new page, and all others wait with it; natural expiry serves the old
#   page while a new one is fetched; when the origin fails, the old page is served, marked `X-Entrepot-Stale: 1`.

import std;
import var;
import vsthrottle;
import xkey;

include "./backend.vcl";

# Notes of this file to itself, on the request and on stored objects; clients can neither send nor see them:
#   X-Entrepot-Look       fetch: there is a purged object, get the present one; stale: that failed, take the purged one
#   X-Entrepot-Lifetime   seconds for which the object is fresh, were it not purged
#   X-Entrepot-Renewing   seconds after that, for which it is served while it is being renewed
#   X-Entrepot-Marked     the origin's mark X-Entrepot-Stale
#   xkey                  the surrogate tags, where the module looks for them

sub vcl_recv {
    if (req.restarts > 0) {
        if (req.http.X-Entrepot-Look == "fetch") {
            set req.grace = 0s;
        } else {
            set req.grace = 365d;  # it stays what it was set to, and no object has more than its own
        }
        return (hash);
    }

    unset req.http.X-Entrepot-Look;
    unset req.http.X-Entrepot-Lifetime;
    unset req.http.X-Entrepot-Renewing;
    unset req.http.X-Entrepot-Purged;
    unset req.http.X-Entrepot-Stale;
    call entrepot_origin;
    if (req.method == "PURGE") {
        call purge;
    }
    call strip;

    if (req.url !~ "^/") {
        return (synth(400, "Bad Request"));
    }
    if (req.method !~ "^(GET|HEAD|OPTIONS|POST|PUT|PATCH|DELETE)$") {
        return (synth(405, "Method Not Allowed"));
    }
    # Figures and readiness are for the inside. The first letter decides, however the rest is written.
    if (req.url ~ "^/+(_|%5[fF])" && req.url !~ "^/(_health/(\?|$)|_/)") {
        return (synth(404, "Not Found"));
    }
    if (req.method !~ "^(GET|HEAD)$" || req.http.Authorization || req.http.Cookie ~ "(?i)session") {
        return (pass);
    }
    call route;
}

# PURGE with the tags in Surrogate-Key. Soft-Purge: 1 keeps the objects for the time when the origin fails; without it
# nothing of them is ever served again.
sub purge {
    if (client.ip !~ purgers) {
        return (synth(405, "Method Not Allowed"));
    }
    if (std.getenv("VARNISH_PURGE_TOKEN") == "" ||
        req.http.Authorization != "Bearer " + std.getenv("VARNISH_PURGE_TOKEN")) {
        if (vsthrottle.is_denied("purge " + client.ip, 10, 10s)) {
            return (synth(429, "Too Many Requests"));
        }
        return (synth(403, "Forbidden"));
    }
    if (req.http.Soft-Purge == "1") {
        set req.http.X-Entrepot-Purged = xkey.softpurge(req.http.Surrogate-Key);
    } else {
        set req.http.X-Entrepot-Purged = xkey.purge(req.http.Surrogate-Key);
    }
    return (synth(200, "Purged"));
}

# What a client must not decide: where it comes from, and what it really asks for. Where Varnish stands
# behind a TLS proxy, that one speaks the PROXY protocol (-a :8443,PROXY), and client.ip is the client's.
sub strip {
    set req.http.X-Forwarded-For = client.ip;
    unset req.http.Forwarded;
    unset req.http.X-Forwarded-Host;
    unset req.http.X-Forwarded-Port;
    unset req.http.X-Forwarded-Prefix;
    unset req.http.X-Forwarded-Proto;
    unset req.http.X-Forwarded-Scheme;
    unset req.http.X-Forwarded-Server;
    unset req.http.X-Forwarded-Ssl;
    unset req.http.X-Host;
    unset req.http.X-Real-IP;
    unset req.http.X-Client-IP;
    unset req.http.X-Original-URL;
    unset req.http.X-Rewrite-URL;
    unset req.http.X-Script-Name;
    unset req.http.X-HTTP-Method;
    unset req.http.X-HTTP-Method-Override;
    unset req.http.X-Method-Override;
    unset req.http.Surrogate-Key;
    unset req.http.Surrogate-Control;
    unset req.http.Surrogate-Capability;
    unset req.http.Soft-Purge;
    unset req.http.Proxy;
    unset req.http.Upgrade;
    unset req.http.HTTP2-Settings;
    unset req.http.xkey;
    if (req.http.X-Request-Id !~ "^[A-Za-z0-9._-]{8,64}$") {
        unset req.http.X-Request-Id;
    }
}

# The routes that are cached. The patterns know no percent sign but in the filename's plus, so nothing on this list can
# mean another path at the origin; what is not on it is passed on.
sub route {
    if (req.url ~ "^/simple(/|$|\?)") {
        call simple;
    } elsif (req.url ~ "^/pypi/[A-Za-z0-9._-]+(/[A-Za-z0-9.!+_-]+)?/json/?(\?|$)" ||
        req.url ~ "^/integrity/[A-Za-z0-9._-]+/[A-Za-z0-9.!+_-]+/[A-Za-z0-9._~!+-]+/provenance(\?|$)") {
        set req.url = regsub(req.url, "\?.*$", "");
        unset req.http.Accept;
    } elsif (req.url ~ "^/packages/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{60}/([A-Za-z0-9._~!+-]|%2[bB])+(\?|$)") {
        set req.url = regsuball(regsub(req.url, "\?.*$", ""), "%2[bB]", "+");
        unset req.http.Accept;
        unset req.http.Accept-Encoding;
    } elsif (req.url ~ "^/image/[0-9a-f]{32}/[0-9a-f]+$") {
        std.collect(req.http.Via);
        if (req.http.Via ~ "entrepot-images") {
            return (pass);  # an image that leads back here: the origin ends it, and only for whoever asks this way
        }
        unset req.http.Accept;
        unset req.http.Accept-Encoding;
    } elsif (req.url ~ "^/static/([A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*(\?|$)") {
        set req.url = regsub(req.url, "\?.*$", "");
        unset req.http.Accept;
    } elsif (req.url ~ "^/(help/|security/|classifiers/|policies/([a-z-]+/)?)?(\?|$)" ||
        req.url ~ "^/(project|user)/[A-Za-z0-9][A-Za-z0-9._-]*/([A-Za-z0-9][A-Za-z0-9.!+_-]*/)*(\?|$)" ||
        req.url ~ "^/rss/(packages|updates|project/[A-Za-z0-9][A-Za-z0-9._-]*/releases)\.xml(\?|$)") {
        call site;
    } else {
        return (pass);
    }
    call fold_coding;
    unset req.http.Accept-Language;
    call forget;
    return (hash);
}

# Nothing else of the request may matter to an answer that others get.
sub forget {
    unset req.http.Cookie;
    unset req.http.Host;
    unset req.http.Origin;
    unset req.http.Referer;
    unset req.http.Cache-Control;
    unset req.http.Pragma;
}

# Pages for people: one for each language. Of the query only what they know matters: one name with a value makes a page
# of its own, and what is written in any other way that the origin may understand is passed on.
sub site {
    if (req.url !~ "\?(page|since|q)=([A-Za-z0-9.!+_-]|%[0-9A-Fa-f]{2})+$") {
        if (req.url ~ "[?&]([^=&]*%|(page|since|q)=[^&])") {
            return (pass);
        }
        set req.url = regsub(req.url, "\?.*$", "");
    }
    call fold_language;
    unset req.http.Accept;
    call fold_coding;
    call forget;
    return (hash);
}

# Accept-Language becomes one language that the site speaks, the one that the origin would choose: the one that a cookie
# keeps, else the known one with the highest weight, of several the first; "*" is English. The site's names of Portuguese
# and Chinese say more, and these lead to them. One malformed member, and none of them counts.
sub fold_language {
    if (req.http.Cookie ~ "(^|; *)(__Host-)?language=(ar|de|en|es|fr|he|ja|pt|ru|uk|zh)(-[a-z0-9]+)*(;|$)") {
        set req.http.Accept-Language = regsub(req.http.Cookie,
            "^(?:.*; *)?(?:__Host-)?language=(ar|de|en|es|fr|he|ja|pt|ru|uk|zh)(?:-[a-z0-9]+)*(?:;.*)?$", "\1");
        return;
    }
    set req.http.X-Entrepot-Look = std.tolower(req.http.Accept-Language);
    if (req.http.X-Entrepot-Look ~ "^.{501}") {
        set req.http.X-Entrepot-Look = regsub(req.http.X-Entrepot-Look, "^(.{1,499}),.*$", "\1");
    }
    set req.http.X-Entrepot-Look = regsuball(req.http.X-Entrepot-Look, "[ \t]*([,;])[ \t]*", "\1");
    if (req.http.X-Entrepot-Look ~ "^.{501}" || req.http.X-Entrepot-Look !~
        "^(([a-z]{1,8}(-[a-z0-9]{1,8})*|\*)(;q=(0(\.[0-9]{0,3})?|1(\.0{0,3})?))?(,|$))+$") {
        set req.http.X-Entrepot-Look = "";
    }
    if (req.http.X-Entrepot-Look ~ ";q=0\.[0-9]{1,2}[1-9]") {
        unset req.http.X-Entrepot-Look;
        return (pass);  # finer than in tenths, as no browser has it
    }
    set req.http.X-Entrepot-Look = regsuball(req.http.X-Entrepot-Look, "(^|,)([^;,]+)(?=,|$)", "\1\2;q=1");
    # Those of each weight, from 1 down to 0.
    set req.http.Accept-Language =
        regsuball(req.http.X-Entrepot-Look, "[^,]*;q=(?!1)[^,]*,?", "") + "," +
        regsuball(req.http.X-Entrepot-Look, "[^,]*;q=(?!0\.9)[^,]*,?", "") + "," +
        regsuball(req.http.X-Entrepot-Look, "[^,]*;q=(?!0\.8)[^,]*,?", "") + "," +
        regsuball(req.http.X-Entrepot-Look, "[^,]*;q=(?!0\.7)[^,]*,?", "") + "," +
        regsuball(req.http.X-Entrepot-Look, "[^,]*;q=(?!0\.6)[^,]*,?", "") + "," +
        regsuball(req.http.X-Entrepot-Look, "[^,]*;q=(?!0\.5)[^,]*,?", "") + "," +
        regsuball(req.http.X-Entrepot-Look, "[^,]*;q=(?!0\.4)[^,]*,?", "") + "," +
        regsuball(req.http.X-Entrepot-Look, "[^,]*;q=(?!0\.3)[^,]*,?", "") + "," +
        regsuball(req.http.X-Entrepot-Look, "[^,]*;q=(?!0\.2)[^,]*,?", "") + "," +
        regsuball(req.http.X-Entrepot-Look, "[^,]*;q=(?!0\.1)[^,]*,?", "") + "," +
        regsuball(req.http.X-Entrepot-Look, "[^,]*;q=(?!0(\.0*)?(,|$))[^,]*,?", "");
    unset req.http.X-Entrepot-Look;
    set req.http.Accept-Language = regsub(req.http.Accept-Language,
        "^(?:[^,]*,)*?(ar|de|en|es|fr|he|ja|pt|ru|uk|zh|\*)(?:-[^;,]*)?;.*$", "\1");
    if (req.http.Accept-Language !~ "^(ar|de|en|es|fr|he|ja|pt|ru|uk|zh)$") {
        set req.http.Accept-Language = "en";
    }
}

# ?format= names one of the forms and beats Accept: the same answer as for that Accept, so it is the same variant.
sub simple {
    if (req.url !~ "^/simple(/([A-Za-z0-9._-]+/?)?)?(\?|$)") {
        return (pass);
    }
    if (req.url ~ "\?(.*&)?format=") {
        # A redirect to the normalized name repeats the query.
        if (req.url !~ "^/simple/([a-z0-9]+(-[a-z0-9]+)*/)?\?") {
            return (pass);
        }
        set req.http.X-Entrepot-Look = std.tolower(regsub(req.url, "^[^?]*\?(?:[^#]*?&)?format=([^&#]*).*$", "\1"));
        set req.http.X-Entrepot-Look = regsuball(regsuball(req.http.X-Entrepot-Look, "%2f", "/"), "%2b", "+");
        if (req.http.X-Entrepot-Look ~ "^(application/vnd\.pypi\.simple\.(v1|latest)\+(json|html)|text/html)$") {
            set req.http.Accept = req.http.X-Entrepot-Look;
        } elsif (req.http.X-Entrepot-Look ~ "%" || req.url ~ "format=.*format=") {
            return (pass);  # written in a way that the origin may understand
        }
        unset req.http.X-Entrepot-Look;
    }
    set req.url = regsub(req.url, "\?.*$", "");
    call fold_accept;
}

# Accept becomes one of the three media types, by the origin's own rules (edge/negotiate.py): the highest weight; at
# equal weight what is named before what a wildcard covers; of named ones JSON first, of others what a browser shows.
sub fold_accept {
    if (req.http.Accept ~ "^.{1001}") {
        unset req.http.Accept;
    }
    # One list without blanks, each member with its weight and no other parameter; malformed ones are left out.
    set req.http.X-Entrepot-Look = std.tolower(regsuball(req.http.Accept, "[ \t]+", ""));
    set req.http.X-Entrepot-Look = regsuball(req.http.X-Entrepot-Look, ";(?!q=)[^;,]*", "");
    set req.http.X-Entrepot-Look = regsuball(req.http.X-Entrepot-Look, "(^|,)([^;,]+)(?=,|$)", "\1\2;q=1");
    set req.http.X-Entrepot-Look = regsuball(req.http.X-Entrepot-Look,
        "(^|,)[^,]*;q=(?!(0(\.[0-9]{0,3})?|1(\.0{0,3})?)(,|$))[^,]*", "\1");
    set req.http.X-Entrepot-Look = regsuball(req.http.X-Entrepot-Look, "simple\.latest\+", "simple.v1+");
    if (req.http.X-Entrepot-Look !~ ";q=") {
        set req.http.Accept = "text/html";
        unset req.http.X-Entrepot-Look;
        return;
    }
    var.set_real("any", std.real(regsub(req.http.X-Entrepot-Look, "^(?:.*,)?\*/\*;q=([0-9.]+).*$", "\1"), 0.0));
    var.set_real("application", std.real(
        regsub(req.http.X-Entrepot-Look, "^(?:.*,)?application/\*;q=([0-9.]+).*$", "\1"), var.get_real("any")));
    var.set_real("text", std.real(
        regsub(req.http.X-Entrepot-Look, "^(?:.*,)?text/\*;q=([0-9.]+).*$", "\1"), var.get_real("any")));
    var.set_real("json", std.real(regsub(req.http.X-Entrepot-Look,
        "^(?:.*,)?application/vnd\.pypi\.simple\.v1\+json;q=([0-9.]+).*$", "\1"), var.get_real("application")));
    var.set_real("v1html", std.real(regsub(req.http.X-Entrepot-Look,
        "^(?:.*,)?application/vnd\.pypi\.simple\.v1\+html;q=([0-9.]+).*$", "\1"), var.get_real("application")));
    var.set_real("html", std.real(regsub(req.http.X-Entrepot-Look,
        "^(?:.*,)?text/html;q=([0-9.]+).*$", "\1"), var.get_real("text")));

    var.set_real("best", var.get_real("json"));
    if (var.get_real("v1html") > var.get_real("best")) {
        var.set_real("best", var.get_real("v1html"));
    }
    if (var.get_real("html") > var.get_real("best")) {
        var.set_real("best", var.get_real("html"));
    }
    if (var.get_real("best") <= 0.0) {
        unset req.http.X-Entrepot-Look;
        return (pass);  # the origin says 406
    }
    call choose_form;
    unset req.http.X-Entrepot-Look;
}

sub choose_form {
    if (req.http.X-Entrepot-Look ~ "(^|,)application/vnd\.pypi\.simple\.v1\+json;" &&
        var.get_real("json") >= var.get_real("best")) {
        set req.http.Accept = "application/vnd.pypi.simple.v1+json";
    } elsif (req.http.X-Entrepot-Look ~ "(^|,)application/vnd\.pypi\.simple\.v1\+html;" &&
        var.get_real("v1html") >= var.get_real("best")) {
        set req.http.Accept = "application/vnd.pypi.simple.v1+html";
    } elsif (var.get_real("html") >= var.get_real("best")) {
        set req.http.Accept = "text/html";  # named, or covered by a wildcard: next in line either way
    } elsif (var.get_real("v1html") >= var.get_real("best")) {
        set req.http.Accept = "application/vnd.pypi.simple.v1+html";
    } else {
        set req.http.Accept = "application/vnd.pypi.simple.v1+json";
    }
}

# Accept-Encoding becomes one coding: the highest weight, at equal weight zstd, br, gzip, none, as the origin has it.
# pip (gzip, deflate) gets gzip, uv (gzip, deflate, zstd) gets zstd.
sub fold_coding {
    if (!req.http.Accept-Encoding || req.http.Accept-Encoding ~ "^.{1001}") {
        unset req.http.Accept-Encoding;
        return;
    }
    set req.http.X-Entrepot-Look = std.tolower(regsuball(req.http.Accept-Encoding, "[ \t]+", ""));
    set req.http.X-Entrepot-Look = regsuball(req.http.X-Entrepot-Look, ";(?!q=)[^;,]*", "");
    set req.http.X-Entrepot-Look = regsuball(req.http.X-Entrepot-Look, "(^|,)([^;,]+)(?=,|$)", "\1\2;q=1");
    set req.http.X-Entrepot-Look = regsuball(req.http.X-Entrepot-Look,
        "(^|,)[^,]*;q=(?!(0(\.[0-9]{0,3})?|1(\.0{0,3})?)(,|$))[^,]*", "\1");
    var.set_real("any", std.real(regsub(req.http.X-Entrepot-Look, "^(?:.*,)?\*;q=([0-9.]+).*$", "\1"), 0.0));
    var.set_real("zstd", std.real(
        regsub(req.http.X-Entrepot-Look, "^(?:.*,)?zstd;q=([0-9.]+).*$", "\1"), var.get_real("any")));
    var.set_real("br", std.real(
        regsub(req.http.X-Entrepot-Look, "^(?:.*,)?br;q=([0-9.]+).*$", "\1"), var.get_real("any")));
    var.set_real("gzip", std.real(
        regsub(req.http.X-Entrepot-Look, "^(?:.*,)?(?:x-)?gzip;q=([0-9.]+).*$", "\1"), var.get_real("any")));
    var.set_real("best", std.real(
        regsub(req.http.X-Entrepot-Look, "^(?:.*,)?identity;q=([0-9.]+).*$", "\1"), var.get_real("any")));
    unset req.http.X-Entrepot-Look;
    unset req.http.Accept-Encoding;
    if (var.get_real("gzip") > 0.0 && var.get_real("gzip") >= var.get_real("best")) {
        set req.http.Accept-Encoding = "gzip";
        var.set_real("best", var.get_real("gzip"));
    }
    if (var.get_real("br") > 0.0 && var.get_real("br") >= var.get_real("best")) {
        set req.http.Accept-Encoding = "br";
        var.set_real("best", var.get_real("br"));
    }
    if (var.get_real("zstd") > 0.0 && var.get_real("zstd") >= var.get_real("best")) {
        set req.http.Accept-Encoding = "zstd";
    }
}

sub vcl_hash {
    hash_data(req.url);
    return (lookup);
}

sub vcl_hit {
    if (obj.ttl > 0s) {
        return (deliver);
    }
    if (req.http.X-Entrepot-Look == "stale" || !std.healthy(req.backend_hint)) {
        set req.http.X-Entrepot-Look = "stale";
        return (deliver);
    }
    # Older than its lifetime: it expired by itself. Younger: it was purged.
    if (obj.age >= std.duration(obj.http.X-Entrepot-Lifetime + "s", 0s) && obj.age <
        std.duration(obj.http.X-Entrepot-Lifetime + "s", 0s) + std.duration(obj.http.X-Entrepot-Renewing + "s", 0s)) {
        return (deliver);
    }
    set req.http.X-Entrepot-Look = "fetch";
    return (restart);
}

# A body is for the origin alone when the answer is for the client alone.
sub vcl_backend_fetch {
    var.set("look", bereq.http.X-Entrepot-Look);
    unset bereq.http.X-Entrepot-Look;
    if (bereq.uncacheable) {
        set bereq.first_byte_timeout = 300s;  # an upload is read and checked before it is answered
        set bereq.between_bytes_timeout = 60s;
        return (fetch);
    }
    unset bereq.body;
    if (bereq.is_bgfetch || var.get("look") == "fetch") {
        set bereq.first_byte_timeout = 3s;  # there is an old answer to fall back upon
    } else {
        set bereq.first_byte_timeout = 15s;
    }
    return (fetch);
}

sub vcl_backend_response {
    if (bereq.uncacheable) {
        return (deliver);
    }
    # The old answer stays. An origin that cannot ask its store tells what it remembers, and may have seen less than we.
    if ((beresp.status >= 500 || (beresp.http.X-Entrepot-Stale && !beresp.was_304)) &&
        (bereq.is_bgfetch || var.get("look") == "fetch")) {
        return (abandon);
    }
    # A 304 comes with all stored headers that it does not have itself. The mark is stored under another name, so one
    # that is here now was sent now.
    unset beresp.http.X-Entrepot-Marked;
    if (beresp.http.X-Entrepot-Stale) {
        set beresp.http.X-Entrepot-Marked = beresp.http.X-Entrepot-Stale;
        unset beresp.http.X-Entrepot-Stale;
    }
    unset beresp.http.X-Entrepot-Renewing;
    set beresp.http.xkey = beresp.http.Surrogate-Key;
    set beresp.grace = 0s;
    set beresp.keep = 0s;
    if (beresp.http.Set-Cookie || beresp.http.Vary == "*" || beresp.http.Cache-Control ~ "(?i)private|no-store" ||
        beresp.http.Surrogate-Control ~ "(?i)no-store" ||
        (beresp.status != 200 && beresp.status != 301 && beresp.status != 308 && beresp.status != 404)) {
        # Not for others; and for this long nobody waits for one to come that would be.
        set beresp.uncacheable = true;
        set beresp.ttl = 1s;
        return (deliver);
    }
    call lifetime;
    # A large file would drive hundreds of pages out of the memory. It streams through, with its ranges, and the origin
    # sends it straight from the disk.
    if (std.integer(beresp.http.Content-Length, 0) > 8388608) {
        return (pass(1h));
    }
    return (deliver);
}

sub lifetime {
    if (beresp.http.Surrogate-Control ~ "max-age=[0-9]") {
        set beresp.ttl = std.duration(
            regsub(beresp.http.Surrogate-Control, "^.*max-age=([0-9]+).*$", "\1") + "s", 0s);
    } elsif (beresp.http.Cache-Control ~ "(?i)no-cache") {
        set beresp.ttl = 0s;
    }
    if (beresp.status == 404) {
        if (beresp.ttl > 10s) {
            set beresp.ttl = 10s;
        }
    } else {
        set beresp.grace = 1d;
        if (beresp.http.Surrogate-Control ~ "stale-if-error=[0-9]") {
            set beresp.grace = std.duration(
                regsub(beresp.http.Surrogate-Control, "^.*stale-if-error=([0-9]+).*$", "\1") + "s", 0s);
        }
        if (beresp.http.Surrogate-Control ~ "stale-while-revalidate=[0-9]") {
            set beresp.http.X-Entrepot-Renewing = regsub(
                beresp.http.Surrogate-Control, "^.*stale-while-revalidate=([0-9]+).*$", "\1");
        }
    }
    set beresp.http.X-Entrepot-Lifetime = regsub(beresp.ttl, "\..*$", "");
    if (beresp.ttl <= 0s) {
        set beresp.uncacheable = true;
        set beresp.ttl = 1s;
    }
}

sub vcl_backend_error {
    if (bereq.is_bgfetch || var.get("look") == "fetch") {
        return (abandon);
    }
    set beresp.http.Content-Type = "text/plain; charset=utf-8";
    set beresp.http.Cache-Control = "no-store";
    set beresp.http.Retry-After = "5";
    set beresp.body = beresp.reason;
    set beresp.uncacheable = true;
    set beresp.ttl = 1s;
    return (deliver);
}

sub vcl_deliver {
    if (req.http.X-Entrepot-Look == "stale") {
        set resp.http.X-Cache = "stale";
        set resp.http.X-Entrepot-Stale = "1";
    } elsif (obj.uncacheable) {
        set resp.http.X-Cache = "pass";
    } elsif (obj.hits > 0) {
        set resp.http.X-Cache = "hit";
    } else {
        set resp.http.X-Cache = "miss";
    }
    if (resp.http.X-Entrepot-Marked) {
        set resp.http.X-Entrepot-Stale = "1";
        unset resp.http.X-Entrepot-Marked;
    }
    unset resp.http.Surrogate-Control;
    unset resp.http.Surrogate-Key;
    unset resp.http.xkey;
    unset resp.http.X-Entrepot-Lifetime;
    unset resp.http.X-Entrepot-Renewing;
    unset resp.http.Via;
    unset resp.http.X-Varnish;
    return (deliver);
}

sub vcl_synth {
    if (req.http.X-Entrepot-Look == "fetch") {
        set req.http.X-Entrepot-Look = "stale";
        return (restart);
    }
    set resp.http.Content-Type = "text/plain; charset=utf-8";
    set resp.http.Cache-Control = "no-store";
    if (resp.status == 503) {
        set resp.http.Retry-After = "5";
    }
    if (req.http.X-Entrepot-Purged && req.method == "PURGE") {
        set resp.body = req.http.X-Entrepot-Purged;
    } else {
        set resp.body = resp.reason;
    }
    return (deliver);
}
