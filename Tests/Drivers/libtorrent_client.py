"""A libtorrent client for the tests: seeds or downloads, makes torrents, and tells what one contains.

    libtorrent_client.py run TORRENT|MAGNET --dir DIR --listen IP:PORT [--peer IP:PORT]... [--stock] [--utp] [--encrypted]
    libtorrent_client.py create PATH --format v1|v1-padded|v2|hybrid --piece-length N --output FILE [--tracker URL]
    libtorrent_client.py show TORRENT
    libtorrent_client.py strip TORRENT --output FILE

`run` prints one word a line as things happen: `checked`, `finished` (all is on disk), or an error in
words; it goes on until it is ended. `show` prints JSON. `strip` writes the torrent without its piece layers.
"""

import argparse
import json
import pathlib

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
        "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
        "enable_outgoing_utp": False, "enable_incoming_utp": False,
        "allow_multiple_connections_per_ip": True, "ssrf_mitigation": False,
        "alert_mask": (lt.alert.category_t.error_notification | lt.alert.category_t.status_notification
                       | lt.alert.category_t.storage_notification),
    }
    if args.utp:  # and nothing else
        settings.update({"enable_outgoing_utp": True, "enable_incoming_utp": True, "enable_outgoing_tcp": False,
                         "enable_incoming_tcp": False})
    if args.encrypted:  # RC4 or nothing, both ways
        settings.update({"in_enc_policy": 0, "out_enc_policy": 0, "allowed_enc_level": 2, "prefer_rc4": True})
    elif not args.stock:  # what a fresh installation does is to try an obfuscated handshake first
        settings.update({"in_enc_policy": 2, "out_enc_policy": 2})
    return lt.session(settings)


def run(args):
    ses = session(args)
    if args.path.startswith("magnet:"):
        params = lt.parse_magnet_uri(args.path)
    else:
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(args.path)
    params.save_path = args.dir
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
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
                if handle.status().is_seeding:
                    say("finished")
            elif isinstance(alert, (lt.torrent_error_alert, lt.file_error_alert, lt.listen_failed_alert,
                                    lt.tracker_error_alert, lt.hash_failed_alert, lt.peer_ban_alert)):
                say(alert.message())


def create(args):
    path = pathlib.Path(args.path)
    files = lt.file_storage()
    lt.add_files(files, str(path))
    torrent = lt.create_torrent(files, args.piece_length, flags=FORMATS[args.format])
    if args.tracker:
        torrent.add_tracker(args.tracker)
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
    parser.add_argument("command", choices=["run", "create", "show", "strip"])
    parser.add_argument("path")
    parser.add_argument("--dir")
    parser.add_argument("--listen")
    parser.add_argument("--peer", action="append", default=[])
    parser.add_argument("--stock", action="store_true")
    parser.add_argument("--utp", action="store_true")
    parser.add_argument("--encrypted", action="store_true")
    parser.add_argument("--format", choices=FORMATS, default="hybrid")
    parser.add_argument("--piece-length", type=int, default=0)
    parser.add_argument("--tracker")
    parser.add_argument("--output")
    args = parser.parse_args()
    {"run": run, "create": create, "show": show, "strip": strip}[args.command](args)


main()
