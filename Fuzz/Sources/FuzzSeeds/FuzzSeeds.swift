import Addresses
import Bencode
import Bytes
import Digest
import Glibc
import Metainfo
import PeerProtocol

/// Writes the kept corpus: `FuzzSeeds FOLDER`. The same files every time.
@main
enum FuzzSeeds {
  static func main() {
    guard CommandLine.arguments.count == 2 else { exit(64) }
    let folder = CommandLine.arguments[1]
    mkdir(folder, 0o755)
    for (name, bytes) in metainfo where name != "info" {
      // A seed that is refused would keep the fuzzer from all that lies behind.
      do {
        _ = try Metainfo(bytes)
      } catch {
        print("\(name): \(error)")
        exit(1)
      }
    }
    write(peerWire, to: "\(folder)/FuzzPeerWire")
    write(bencode, to: "\(folder)/FuzzBencode")
    write(keyExchanges, to: "\(folder)/FuzzEncryption")
    write(magnets, to: "\(folder)/FuzzMagnet")
    write(metainfo, to: "\(folder)/FuzzMetainfo")
    write(replies, to: "\(folder)/FuzzTrackerReply")
    write(dhtMessages, to: "\(folder)/FuzzDHTMessage")
    write(dhtScripts, to: "\(folder)/FuzzDHTNode")
    write(queries, to: "\(folder)/FuzzTrackerQuery")
    write(metadata, to: "\(folder)/FuzzMetadata")
    write(exchanges, to: "\(folder)/FuzzPeerExchange")
    write(announces, to: "\(folder)/FuzzLocalDiscovery")
    write(blocklists, to: "\(folder)/FuzzBlocklist")
    write(utp, to: "\(folder)/FuzzUTP")
    write(udpTracker, to: "\(folder)/FuzzUDPTracker")
    write(settings, to: "\(folder)/FuzzConfiguration")
    write(http, to: "\(folder)/FuzzHTTP")
    write(holePunches, to: "\(folder)/FuzzHolePunch")
    write(contentRanges, to: "\(folder)/FuzzContentRange")
  }

  /// Files of settings.
  static var settings: [String: [UInt8]] {
    [
      "sections": Array("# c\na = 1\n[b]\nc-d = \"x\\n\\u00e9\"\n[b.e]\nf = 'y'\r\n".utf8),
      "numbers": Array("a = 0x1F\nb = -1_000\nc = 1.5e-3\nd = true\ne = 0o17\nf = 0b11\n".utf8),
      "list": Array("a = [ # one\n  1, 'two',\n  false,\n]\nb = []\n".utf8),
      "faults": Array("a = 30m\n[[x]]\nb.c = 1\n\"d\" = {}\ne = \"\"\"f\"\"\"\na = 2\n".utf8),
    ]
  }

  /// A byte that says where it is cut, then what comes on a connection.
  static var http: [String: [UInt8]] {
    let announce = "GET /announce?info_hash=%00&port=1 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"
    return [
      "announces": [70] + Array((announce + announce).utf8),
      "old": [9] + Array("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n".utf8),
      "post": [30] + Array("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".utf8),
      "length": [30] + Array("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc".utf8),
      "form": [60]
        + Array(
          "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\\\"\"\r\n\r\nx\r\n--b--\r\n".utf8),
      "bare": [3] + Array("GET / HTTP/1.1\nHost: x\n\n".utf8),
      "proxied": [90]
        + Array("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1, 10.0.0.1\r\n".utf8)
        + Array("Forwarded: for=\"[2001:db8::1]:4711\";proto=http, for=10.0.0.1\r\n\r\n".utf8),
      "first": [0] + Array("PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\n\(announce)".utf8),
      "second": [20, 13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, 0x21, 0x11, 0, 12]
        + [192, 0, 2, 1, 192, 0, 2, 2, 1, 2, 0, 80] + Array(announce.utf8),
    ]
  }

  /// One of each kind and family.
  static var holePunches: [String: [UInt8]] {
    let there: [UInt8] = [8, 8, 4, 4, 26, 225]
    return [
      "rendezvous": [0, 0] + there, "connect": [1, 0] + there + [0, 0, 0, 0],
      "failed": [2, 0] + there + [0, 0, 0, 2],
      "v6": [1, 1, 0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [1, 26, 225, 0, 0, 0, 0],
    ]
  }

  static var contentRanges: [String: [UInt8]] {
    [
      "part": Array("bytes 0-99/1234".utf8), "unknown": Array("bytes 5-5/*".utf8),
      "none": Array("bytes */77".utf8), "numbers": Array("0-9/10".utf8),
    ]
  }

  /// Datagrams as they come, and scripts of questions, answers and time.
  static var udpTracker: [String: [UInt8]] {
    let announce: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 7, 8, 0, 0, 0, 1, 0, 0, 0, 1]
    return [
      "connected": [0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8],
      "announce": announce + [10, 0, 0, 1, 26, 225],
      "scrape": [0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
      "error": [0, 0, 0, 3, 0, 0, 0, 2] + Array("no".utf8),
      "connect": [0, 0, 4, 23, 39, 16, 25, 128, 0, 0, 0, 0, 0, 0, 0, 1],
      "url": Array("udp://[2001:db8::1]:6969/announce?key=1".utf8),
      "talk": [0, 0, 0, 0, 2, 0, 2, 10, 3, 32, 2, 18, 3, 255, 0, 2, 3, 255],
      "renewal": [0, 0, 2, 0, 2, 10, 0, 0, 2, 6, 2, 0, 2, 2, 3, 255],
    ]
  }

  /// The first byte tells how the list is cut.
  static var blocklists: [String: [UInt8]] {
    let head: [UInt8] = [4]
    let packed = "1f8b080000000000020333d433d233d633d13504d3965c967a60c80500307c9c2218000000"
    return [
      "p2p": head + Array("Bad: guys:1.2.3.4-1.2.3.9\nsix:2001:db8::-2001:db8::ffff\n".utf8),
      "dat": head
        + Array("001.002.003.004 - 001.002.003.009 , 000 , name\n1.2.4.0-1.2.4.9,200,friend\n".utf8),
      "cidr": head + Array("# list\n192.0.2.0/24 ; note\n2001:db8::/32\n::ffff:1.2.3.0/120\n10.0.0.1\n".utf8),
      "faults": head + Array("1.2.3.300\nhello\n1.2.3.9-1.2.3.4\n1::2::3\n/\n-\n".utf8),
      "gzip": head + ([UInt8](hexadecimal: packed) ?? []),
    ]
  }

  /// The first byte chooses: one packet, or a script that two sockets are put through.
  static var utp: [String: [UInt8]] {
    let header: [UInt8] = [0x2f, 0x8a, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 0, 0, 4, 0, 5]
    return [
      "syn": [0, 0x41, 0] + header,
      "data": [0, 0x01, 0] + header + [1, 2, 3],
      "selective": [0, 0x21, 1] + header + [0, 4, 1, 0, 0, 128],
      "extensions": [0, 0x11, 2] + header + [1, 3, 9, 9, 9, 0, 4, 0, 0, 0, 1],
      "exchange": [1, 0, 7, 7, 1, 200, 7, 7, 7, 2, 100, 7, 7, 5, 7, 7, 6, 7, 7],
      "losses": [1, 0, 7, 7, 1, 255, 8, 7, 1, 255, 8, 9, 30, 7, 7, 10, 5, 99, 7, 9, 200, 7, 7],
      "forgeries": [1, 0, 7, 7, 1, 50, 7, 11, 20, 3, 4, 1, 7, 11, 40, 9, 9, 9, 7, 12, 5, 7, 7],
    ]
  }

  static func write(_ seeds: [String: [UInt8]], to folder: String) {
    mkdir(folder, 0o755)
    for (name, bytes) in seeds {
      guard let file = fopen("\(folder)/\(name)", "w") else {
        perror("\(folder)/\(name)")
        exit(1)
      }
      fwrite(bytes, 1, bytes.count, file)
      fclose(file)
    }
  }

  static var metadata: [String: [UInt8]] {
    var request: [UInt8] = []
    request.append(metadataRequest: 3, id: 0)
    var data: [UInt8] = []
    data.append(metadata: [UInt8](1...40), piece: 0, id: 0)
    var reject: [UInt8] = []
    reject.append(metadataReject: 0, id: 0)
    // Behind the frame's head; what stands in its place chooses the half of the target.
    let messages = [request, data, reject].map { [0] + $0.dropFirst(6) }
    let all: [UInt8] = [0, 0, 0, 1, 0, 2, 1, 0, 1, 1, 1, 2]
    let shared = all + [3, 0, 3, 0, 3, 0, 6, 200, 1, 0, 1, 2, 3, 0, 3, 1, 5, 0, 7, 1]
    return [
      "request": messages[0], "data": messages[1], "reject": messages[2], "script": [1] + shared + shared,
    ]
  }

  static var exchanges: [String: [UInt8]] {
    let peers = [1, 2, 3].map {
      PeerExchangeMessage.Contact(Endpoint(IPAddress(v4: $0 << 24 | 5), port: 80), .seed)
    }
    let six = Endpoint(IPAddress([UInt8](20...35).rawBytes, at: 0, isV6: true), port: 6881)
    return [
      "v4": PeerExchangeMessage(added: peers, dropped: [Endpoint(IPAddress(v4: 77), port: 9)]).encoded(),
      "v6": PeerExchangeMessage(added: [PeerExchangeMessage.Contact(six)], dropped: [six]).encoded(),
      "short": Array("d5:added3:abc7:dropped0:e".utf8),
    ]
  }

  static var announces: [String: [UInt8]] {
    let hashes = [InfoHash([UInt8](1...20).rawBytes), InfoHash([UInt8](2...21).rawBytes)]
    return [
      "one": LocalAnnounce(port: 6881, infoHashes: [hashes[0]]).encoded(to: LocalAnnounce.groupV4),
      "two": LocalAnnounce(port: 1, infoHashes: hashes, cookie: "abc").encoded(to: LocalAnnounce.groupV6),
    ]
  }

  static var peerWire: [String: [UInt8]] {
    let block = BlockRequest(piece: 1, begin: 16384, length: 16384)
    let request = HashRequest(
      piecesRoot: SHA256.hash([1, 2, 3].rawBytes), baseLayer: 2, index: 0, length: 2, proofLayers: 3)
    var bits = Bitfield(count: 16)
    bits[3] = true
    var states: [UInt8] = [0]
    states.appendHaveAll()
    states.appendHaveNone()
    states.appendChoke()
    states.appendUnchoke()
    states.appendInterested()
    states.appendNotInterested()
    states.appendKeepAlive()
    var pieces: [UInt8] = [0]
    pieces.append(bitfield: bits)
    pieces.append(have: 7)
    pieces.append(suggest: 8)
    pieces.append(allowedFast: 9)
    pieces.append(port: 6881)
    var blocks: [UInt8] = [0]
    blocks.append(request: block)
    blocks.append(cancel: block)
    blocks.append(reject: block)
    blocks.append(piece: 1, begin: 0, payload: [1, 2, 3, 4].rawBytes)
    var hashes: [UInt8] = [0]
    hashes.append(hashRequest: request)
    hashes.append(hashReject: request)
    hashes.append(hashes: [.zero, .zero], answering: request)
    var extended: [UInt8] = [0]
    extended.append(extended: 0, payload: Array("d1:md6:ut_pexi1eee".utf8).rawBytes)
    extended.append(donthave: 5, id: 3)
    var handshake: [UInt8] = [1]
    Handshake(
      reserved: [.fast, .extensionProtocol, .v2], infoHash: InfoHash([UInt8](1...20).rawBytes),
      peerID: PeerID(Array("-LT2080-abcdefghijkl".utf8).rawBytes)
    ).append(to: &handshake)
    let full =
      "d12:complete_agoi5e1:md11:lt_donthavei7e11:ut_metadatai3e6:ut_pexi1ee13:metadata_sizei31235e"
      + "1:pi6881e4:reqqi500e11:upload_onlyi1e1:v16:libtorrent/2.0.86:yourip4:\u{7f}\0\0\u{1}e"
    let steps: [UInt8] = (0..<128).map { $0 % 2 == 0 ? $0 &* 5 : $0 &* 37 }
    let lies: [UInt8] = [3, 0, 1, 0, 2, 5, 0, 7, 2, 0, 3, 5, 1, 6, 200, 0, 2, 2, 0, 4, 0]
    var seeds: [String: [UInt8]] = [:]
    seeds["states"] = states
    seeds["pieces"] = pieces
    seeds["blocks"] = blocks
    seeds["hashes"] = hashes
    seeds["extended"] = extended
    seeds["handshake"] = handshake
    seeds["extension-handshake"] = [2] + Array(full.utf8)
    seeds["unsorted-handshake"] = [2] + Array("d1:v3:abc1:mdee".utf8)
    seeds["hash-script"] = [3] + steps
    seeds["hash-lies"] = lies
    return seeds
  }

  static var bencode: [String: [UInt8]] {
    let texts = [
      "integers": "li0ei-1ei9223372036854775807ei-9223372036854775808ee",
      "dictionary": "d1:ai1e1:bl4:spam0:e2:cdd1:xi5eee", "unsorted": "d1:bi1e1:ai2ee",
      "nested": String(repeating: "l", count: 30) + String(repeating: "e", count: 30),
      "faults": "d1:ai01ee", "trailing": "i1exyz",
    ]
    return texts.mapValues { Array($0.utf8) }
  }

  /// The first byte says how the input is cut, and whether two sides speak to each other.
  static var keyExchanges: [String: [UInt8]] {
    [
      "conversation": [64], "conversation in small parts": [2],
      "keys": [255] + [UInt8](repeating: 0, count: 95) + [8] + [UInt8](repeating: 3, count: 300),
      "noise in a conversation": [16] + [UInt8](repeating: 0x55, count: 200),
    ]
  }

  static var magnets: [String: [UInt8]] {
    let v1 = "xt=urn:btih:" + String(repeating: "0a", count: 20)
    let v2 = "xt=urn:btmh:1220" + String(repeating: "9f", count: 32)
    let texts = [
      "v1": "magnet:?\(v1)&dn=a+name%20%C3%A9&tr=http%3A%2F%2Fa.example%2Fannounce&tr.1=udp://b.example:1",
      "base32": "magnet:?xt=urn:btih:" + String(repeating: "MFRGGZDF", count: 4),
      "hybrid": "magnet:?xt.1=\(v1.dropFirst(3))&xt.2=\(v2.dropFirst(3))&so=0,2,4-6&ws=http://c.example/",
      "peers": "magnet:?\(v2)&x.pe=192.0.2.1:6881&x.pe=[2001:db8::1]:1&x.pe=host.example:80",
      "faults": "magnet:?\(v1)&dn=%zz&so=5-1&x.pe=nowhere",
    ]
    return texts.mapValues { Array($0.utf8) }
  }

  static func encoded(_ value: Bencode) -> [UInt8] { value.encoded() }

  static var metainfo: [String: [UInt8]] {
    let hash = [UInt8](repeating: 0x61, count: 20)
    let single: Bencode = [
      "length": 20000, "name": "file.bin", "piece length": 16384, "pieces": .string(hash + hash),
    ]
    let folder: Bencode = [
      "files": [
        ["length": 5, "path": ["a", "b.txt"]],
        ["attr": "p", "length": 16379, "path": [".pad", "16379"]],
        ["attr": "x", "length": 10, "path": ["..", "c"]],
        ["attr": "l", "length": 0, "path": ["link"], "symlink path": ["a", "b.txt"]],
      ],
      "name": "folder", "piece length": 16384, "pieces": .string(hash + hash), "private": 1,
      "source": "here",
    ]
    let blocks = [[UInt8](repeating: 1, count: 16384), [UInt8](repeating: 2, count: 100)]
    let leaves = blocks.map { SHA256.hash($0.rawBytes) }
    let root = SHA256().parent(leaves[0], leaves[1])
    let large: Bencode = ["": ["length": 16484, "pieces root": .string(root.bytes)]]
    let small: Bencode = ["": ["length": 3, "pieces root": .string(leaves[1].bytes)]]
    let v2: Bencode = [
      "file tree": ["a.bin": large, "sub": ["b.bin": small, "empty": ["": ["length": 0]]]],
      "meta version": 2, "name": "two", "piece length": 16384,
    ]
    let layers = Bencode.dictionary([root.bytes: .string(leaves.flatMap(\.bytes))])
    let hybrid: Bencode = [
      "file tree": ["a.bin": large], "length": 16484, "meta version": 2, "name": "a.bin",
      "piece length": 16384, "pieces": .string(hash + hash),
    ]
    return [
      "single": encoded(["announce": "http://127.0.0.1:6969/announce", "info": single]),
      "folder": encoded([
        "announce-list": [["http://a.example/announce"], ["udp://b.example:1"]], "comment": "words",
        "created by": "someone", "creation date": 1_700_000_000, "info": folder,
        "nodes": [["router.example", 6881]], "url-list": ["http://c.example/"],
      ]),
      "v2": encoded(["info": v2, "piece layers": layers]),
      "hybrid": encoded(["info": hybrid, "piece layers": layers]),
      "info": folder.encoded(),
    ]
  }

  static var replies: [String: [UInt8]] {
    let v4: [UInt8] = [192, 0, 2, 1, 0x1a, 0xe1]
    let v6: [UInt8] = [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [1, 0x1a, 0xe1]
    return [
      "compact": encoded([
        "complete": 5, "external ip": .string([127, 0, 0, 1]), "incomplete": 6, "interval": 1800,
        "min interval": 60, "peers": .string(v4 + v4), "peers6": .string(v6), "tracker id": "x",
        "warning message": "careful",
      ]),
      "dictionary": encoded([
        "interval": 1800,
        "peers": [["ip": "192.0.2.1", "peer id": "x", "port": 1], ["ip": "::2", "port": 2]],
      ]),
      "failure": Array("d14:failure reason4:gone8:retry in5:nevere".utf8),
      "retry": Array("d14:failure reason4:gone8:retry in2:10e".utf8),
      "scrape": Array(
        "d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei1e10:downloadedi2e10:incompletei3eeee".utf8),
      "html": Array("<html><body>502</body></html>".utf8),
    ]
  }

  static var queries: [String: [UInt8]] {
    let start =
      "info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A&peer_id=-AP0100-abcdefghijkl&port=6881"
    let texts = [
      "started": start + "&uploaded=0&downloaded=0&left=100&compact=1&event=started&numwant=50&key=1a2b3c4d",
      "plain": start, "ips": start + "&ip=10.0.0.1&ipv6=2001%3Adb8%3A%3A1&trackerid=x%00y",
      "odd": "?" + start + "&&=&a=&left=18446744073709551616&port=0&event=paused&numwant=-1",
      "scrape": "info_hash=aaaaaaaaaaaaaaaaaaaa&info_hash=bbbbbbbbbbbbbbbbbbb%62",
    ]
    return texts.mapValues { Array($0.utf8) }
  }

  /// One message of each kind.
  static var dhtMessages: [String: [UInt8]] {
    let (asker, target) = ("2:id20:abcdefghij0123456789", "20:mnopqrstuvwxyz123456")
    let letters = "abcdefghijklmnopqrstuvwxyz012345"
    let texts = [
      "ping": "d1:ad\(asker)e1:q4:ping2:roi1e1:t2:aa1:v4:AP011:y1:qe",
      "find_node": "d1:ad\(asker)6:target\(target)4:wantl2:n42:n6ee1:q9:find_node1:t2:aa1:y1:qe",
      "get_peers":
        "d1:ad\(asker)9:info_hash\(target)6:noseedi1e6:scrapei1ee1:q9:get_peers1:t2:aa1:y1:qe",
      "announce": "d1:ad\(asker)12:implied_porti1e9:info_hash\(target)4:porti6881e4:seedi1e"
        + "5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe",
      "get": "d1:ad\(asker)3:seqi4e6:target\(target)e1:q3:get1:t2:aa1:y1:qe",
      "put": "d1:ad3:casi3e\(asker)1:k32:\(letters)4:salt1:n3:seqi4e3:sig64:\(letters)\(letters)"
        + "5:token2:xx1:vd2:ihi5eee1:q3:put1:t2:aa1:y1:qe",
      "sample": "d1:ad\(asker)6:target\(target)e1:q17:sample_infohashes1:t2:aa1:y1:qe",
      "nodes": "d2:ip6:axje.u1:rd\(asker)5:nodes26:abcdefghij0123456789axje.u"
        + "6:nodes638:abcdefghij0123456789abcdefghijklmnop.ue1:t2:aa1:y1:re",
      "peers": "d1:rd\(asker)5:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re",
      "item": "d1:rd\(asker)1:k1:a3:seqi1e3:sig1:b1:vli1ei2eee1:t2:aa1:y1:re",
      "samples": "d1:rd\(asker)8:intervali60e3:numi2e7:samples20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re",
      "error": "d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee",
    ]
    return texts.mapValues { Array($0.utf8) }
  }

  /// Steps of a conversation; see FuzzDHTNode.
  static var dhtScripts: [String: [UInt8]] {
    let queries: [UInt8] = [0, 1, 0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 5, 4, 5, 6, 5, 6, 7, 6]
    let answers: [UInt8] = [7, 1, 8, 0, 8, 1, 8, 2, 9, 0, 7, 2, 8, 3, 8, 4, 10, 5, 9, 3, 8, 0, 8, 5, 9, 200]
    return ["queries": queries + queries, "answers": answers + answers, "mixed": queries + answers]
  }
}
