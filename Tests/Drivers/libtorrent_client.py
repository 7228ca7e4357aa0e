"""A libtorrent client for the tests: seeds or downloads, makes torrents, and tells what one contains.

    libtorrent_client.py run TORRENT|MAGNET --dir DIR --listen IP:PORT [--peer IP:PORT]... [--only FILE]...
                             [--stock] [--utp] [--encrypted] [--lsd] [--v6] [--slow] [--no-pex]
                             [--dht IP:PORT]...
    libtorrent_client.py dht DIGEST|KEY|- --listen IP:PORT --dht IP:PORT [--salt TEXT] [--put TEXT [--seed HEX]]
    libtorrent_client.py create PATH --format v1|v1-padded|v2|hybrid --piece-length N --output FILE [--tracker URL]
                             [--web-seed URL]
    libtorrent_client.py show TORRENT
    libtorrent_client.py strip TORRENT --output FILE

`dht` prints what is stored at a digest or a key, or stores a text, which is mutable if KEY and its seed are given.
`--only` names files to download by their number, and no others.
`run` prints one word a line as things happen: `checked`, `finished` (all is on disk), or an error in
words; it goes on until it is ended. `show` prints JSON. `strip` writes the torrent without its piece layers.
"""

import argparse
import hashlib
import json
import pathlib
import time

import libtorrent as lt

FORMATS = {"v1": lt.create_torrent.v1_only,
           "v1-padded": lt.create_torrent.v1_only | lt.create_torrent.canonical_files,
           "v2": lt.create_torrent.v2_only, "hybrid": 0}


def say(text):
    print(text, flush=True)


def session(args):
    settings = {
        "listen_interfaces": args.listen,
        "outgoing_interfaces": args.listen.rpartition(":")[0],
        "enable_dht": False, "enable_lsd": args.lsd, "enable_upnp": False, "enable_natpmp": False,
        "enable_outgoing_utp": False, "enable_incoming_utp": False,
        "allow_multiple_connections_per_ip": True, "ssrf_mitigation": False,
        "alert_mask": (lt.alert.category_t.error_notification | lt.alert.category_t.status_notification
                       | lt.alert.category_t.storage_notification),
    }
    if args.v6:  # on the same port
        settings["listen_interfaces"] = "[::1]:" + args.listen.rpartition(":")[2]
        settings["outgoing_interfaces"] = "::1"
    if args.dht:  # in a network where all nodes are neighbours
        settings.update({
            "enable_dht": True, "dht_bootstrap_nodes": ",".join(args.dht), "dht_restrict_routing_ips": False,
            "dht_restrict_search_ips": False, "dht_prefer_verified_node_ids": False, "dht_enforce_node_id": False,
            "dht_ignore_dark_internet": False, "dht_announce_interval": 5, "dht_block_ratelimit": 1000,
            "dht_upload_rate_limit": 1000000,
        })
        settings["alert_mask"] |= lt.alert.category_t.dht_notification
    if args.utp:  # and nothing else
        settings.update({"enable_outgoing_utp": True, "enable_incoming_utp": True, "enable_outgoing_tcp": False,
                         "enable_incoming_tcp": False})
    if args.encrypted:  # RC4 or nothing, both ways
        settings.update({"in_enc_policy": 0, "out_enc_policy": 0, "allowed_enc_level": 2, "prefer_rc4": True})
    elif not args.stock:  # what a fresh installation does is to try an obfuscated handshake first
        settings.update({"in_enc_policy": 2, "out_enc_policy": 2})
    if args.slow:
        settings.update({"download_rate_limit": 1000, "upload_rate_limit": 1000})
    return lt.session(settings, 0) if args.no_pex else lt.session(settings)


def run(args):
    ses = session(args)
    if args.path.startswith("magnet:"):
        params = lt.parse_magnet_uri(args.path)
    else:
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(args.path)
    params.save_path = args.dir
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    if args.only:
        params.file_priorities = [4 if file in args.only else 0 for file in range(params.ti.num_files())]
    handle = ses.add_torrent(params)
    for peer in args.peer:
        host, _, port = peer.rpartition(":")
        handle.connect_peer((host, int(port)))
    while True:
        ses.wait_for_alert(1000)
        for alert in ses.pop_alerts():
            if isinstance(alert, lt.torrent_checked_alert):
                say("checked")
            elif isinstance(alert, lt.torrent_finished_alert):
                handle.flush_cache()  # pieces count as soon as they are checked, written or not
            elif isinstance(alert, lt.cache_flushed_alert):
                if handle.status().is_seeding or (args.only and handle.status().is_finished):
                    say("finished")
            elif isinstance(alert, (lt.torrent_error_alert, lt.file_error_alert, lt.listen_failed_alert,
                                    lt.tracker_error_alert, lt.hash_failed_alert, lt.peer_ban_alert)):
                say(alert.message())


def wait_for(ses, kinds, seconds):
    """The first alert of one of the kinds, or None."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ses.wait_for_alert(200)
        for alert in ses.pop_alerts():
            if isinstance(alert, kinds):
                return alert
    return None


def dht(args):
    ses = session(args)
    for node in args.dht:
        host, _, port = node.rpartition(":")
        ses.add_dht_node((host, int(port)))
    end = time.monotonic() + 6
    while time.monotonic() < end and ses.status().dht_nodes == 0:
        time.sleep(0.1)
    salt = (args.salt or "").encode()
    if args.put is not None and args.seed:
        expanded = bytearray(hashlib.sha512(bytes.fromhex(args.seed)).digest())
        expanded[0] &= 248
        expanded[31] = expanded[31] & 63 | 64
        ses.dht_put_mutable_item(bytes(expanded), bytes.fromhex(args.path), args.put, salt)
    elif args.put is not None:
        say(str(ses.dht_put_immutable_item(args.put)))
    elif len(args.path) == 64:
        ses.dht_get_mutable_item(bytes.fromhex(args.path), salt)
    else:
        ses.dht_get_immutable_item(lt.sha1_hash(bytes.fromhex(args.path)))
    if args.put is not None:
        alert = wait_for(ses, lt.dht_put_alert, 20)
        say(f"stored with {alert.num_success}" if alert else "nothing")
        return
    end = time.monotonic() + 20
    while time.monotonic() < end:
        alert = wait_for(ses, (lt.dht_immutable_item_alert, lt.dht_mutable_item_alert), 20)
        if alert is None:
            break
        item = alert.item
        if isinstance(item, dict):  # with who signed it, and the like
            item = item.get("value")
        if item is not None:
            say(item.decode() if isinstance(item, bytes) else str(item))
            return
    say("nothing")


def create(args):
    path = pathlib.Path(args.path)
    files = lt.file_storage()
    lt.add_files(files, str(path))
    torrent = lt.create_torrent(files, args.piece_length, flags=FORMATS[args.format])
    if args.tracker:
        torrent.add_tracker(args.tracker)
    if args.web_seed:
        torrent.add_url_seed(args.web_seed)
    lt.set_piece_hashes(torrent, str(path.parent))
    pathlib.Path(args.output).write_bytes(lt.bencode(torrent.generate()))


def show(args):
    info = lt.torrent_info(args.path)
    hashes, files = info.info_hashes(), info.files()
    print(json.dumps({
        "v1": str(hashes.v1) if hashes.has_v1() else None,
        "v2": str(hashes.v2) if hashes.has_v2() else None,
        "name": info.name(), "pieceLength": info.piece_length(), "pieces": info.num_pieces(),
        "files": [{"path": files.file_path(i), "size": files.file_size(i),
                   "pad": bool(files.file_flags(i) & lt.file_flags_t.flag_pad_file)}
                  for i in range(files.num_files())],
    }))


def strip(args):
    torrent = lt.bdecode(pathlib.Path(args.path).read_bytes())
    torrent.pop(b"piece layers", None)
    pathlib.Path(args.output).write_bytes(lt.bencode(torrent))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["run", "dht", "create", "show", "strip"])
    parser.add_argument("path")
    parser.add_argument("--dir")
    parser.add_argument("--listen")
    parser.add_argument("--peer", action="append", default=[])
    parser.add_argument("--only", action="append", type=int, default=[])
    parser.add_argument("--dht", action="append", default=[])
    parser.add_argument("--salt")
    parser.add_argument("--put")
    parser.add_argument("--seed")
    parser.add_argument("--stock", action="store_true")
    parser.add_argument("--lsd", action="store_true")
    parser.add_argument("--v6", action="store_true")
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--no-pex", action="store_true")
    parser.add_argument("--utp", action="store_true")
    parser.add_argument("--encrypted", action="store_true")
    parser.add_argument("--format", choices=FORMATS, default="hybrid")
    parser.add_argument("--piece-length", type=int, default=0)
    parser.add_argument("--tracker")
    parser.add_argument("--web-seed")
    parser.add_argument("--output")
    args = parser.parse_args()
    {"run": run, "dht": dht, "create": create, "show": show, "strip": strip}[args.command](args)


main()
