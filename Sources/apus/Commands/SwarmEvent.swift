import Addresses
import BitTorrent
import Digest
import JSON
import Metainfo
import PortMapping

/// The events of `apus download --json` and `apus seed --json`, one object a line. docs/EVENTS.md lists
/// them; what is there does not change its meaning, new members may come.
enum SwarmEvent {
  static func listening(_ endpoints: [Endpoint]) -> JSONValue {
    ["event": "listening", "addresses": .array(endpoints.map { .string($0.description) })]
  }

  /// A router lets through to us, or does not any more.
  static func portMappings(_ mappings: [PortMapping]) -> JSONValue {
    [
      "event": "port_mappings",
      "mappings": .array(
        mappings.map { mapping in
          [
            "transport": .string(mapping.transport.rawValue), "port": JSONValue(Int(mapping.port)),
            "external_port": JSONValue(Int(mapping.externalPort)),
            "external_address": mapping.externalAddress.map { .string($0.description) } ?? .null,
            "method": .string(mapping.method.rawValue),
          ]
        }),
    ]
  }

  /// Others see us there.
  static func externalAddresses(_ addresses: [IPAddress]) -> JSONValue {
    ["event": "external_addresses", "addresses": .array(addresses.map { .string($0.description) })]
  }

  /// The interface that all goes through is gone, or back.
  static func network(_ state: NetworkState) -> JSONValue {
    switch state {
    case .open: ["event": "network", "state": "open"]
    case .bound(let interface, let addresses):
      [
        "event": "network", "state": "up", "interface": .string(interface),
        "addresses": .array(addresses.map { .string($0.description) }),
      ]
    case .down(let interface): ["event": "network", "state": "down", "interface": .string(interface)]
    }
  }

  static func fetching(_ magnet: Magnet) -> JSONValue {
    [
      "event": "fetching", "torrent": magnet.infoHash.map { .string($0.description) } ?? .null,
      "name": magnet.displayName.map(JSONValue.string) ?? .null,
    ]
  }

  static func added(_ info: Info, directory: String) -> JSONValue {
    [
      "event": "added", "torrent": .string(info.infoHash.description), "name": .string(info.name),
      "directory": .string(directory), "format": .string(info.version.rawValue),
      "size": .integer(info.contentLength), "pieces": JSONValue(info.pieceCount),
    ]
  }

  /// Where a torrent is; once a second while something changes.
  static func progress(_ status: TorrentStatus) -> JSONValue {
    .object(head("progress", status) + figures(status))
  }

  /// All that is wanted is here and durable.
  static func completed(_ status: TorrentStatus, seconds: Double) -> JSONValue {
    .object(head("completed", status) + [member("seconds", .number(seconds))] + account(status))
  }

  /// The torrent has been closed; its last figures.
  static func closed(_ status: TorrentStatus) -> JSONValue {
    .object(head("closed", status) + [member("state", .string(state(status)))] + account(status))
  }

  /// A fault stopped the torrent.
  static func stopped(_ status: TorrentStatus, reason: String) -> JSONValue {
    .object(head("stopped", status) + [member("reason", .string(reason))])
  }

  static func tracker(_ status: TorrentStatus, message: String) -> JSONValue {
    .object(head("tracker", status) + [member("message", .string(message))])
  }

  static func webSeed(_ status: TorrentStatus, message: String) -> JSONValue {
    .object(head("web_seed", status) + [member("message", .string(message))])
  }

  /// The word for what a torrent is doing.
  static func state(_ status: TorrentStatus) -> String {
    switch status.state {
    case .fetchingMetadata: "fetching metadata"
    case .checking: "checking"
    case .downloading: "downloading"
    case .seeding: "seeding"
    case .stopped: "stopped"
    }
  }

  private static func member(_ name: String, _ value: JSONValue) -> JSONValue.Member {
    JSONValue.Member(name, value)
  }

  private static func head(_ event: String, _ status: TorrentStatus) -> [JSONValue.Member] {
    [
      member("event", .string(event)), member("torrent", .string(status.infoHash.description)),
      member("name", .string(status.name)),
    ]
  }

  private static func figures(_ status: TorrentStatus) -> [JSONValue.Member] {
    var members: [JSONValue.Member] = []
    members.append(member("state", .string(state(status))))
    if case .checking(let part) = status.state { members.append(member("checked", .number(part))) }
    return members + [
      member("done", .integer(status.doneBytes)), member("total", .integer(status.wantedBytes)),
      member("pieces_have", JSONValue(status.piecesHave)), member("pieces", JSONValue(status.pieces)),
      member("checked_pieces", JSONValue(status.checkedPieces)),
      member("downloaded", .integer(status.downloaded)), member("uploaded", .integer(status.uploaded)),
      member("down_rate", JSONValue(Int64(min(status.downRate, 1e15)))),
      member("up_rate", JSONValue(Int64(min(status.upRate, 1e15)))),
      member("peers", JSONValue(status.peers)), member("seeds", JSONValue(status.seeds)),
    ]
  }

  /// What moved in all, and with whom.
  private static func account(_ status: TorrentStatus) -> [JSONValue.Member] {
    [
      member("size", .integer(status.wantedBytes)), member("done", .integer(status.doneBytes)),
      member("downloaded", .integer(status.downloaded)),
      member("uploaded", .integer(status.uploaded)), member("wasted", .integer(status.wasted)),
      member("failed_pieces", JSONValue(status.failedPieces)),
      member("checked_pieces", JSONValue(status.checkedPieces)),
      member("traffic", .array(status.peerTraffic.map(traffic))),
    ]
  }

  private static func traffic(_ peer: PeerTraffic) -> JSONValue {
    [
      "address": .string(peer.host ?? peer.endpoint.description), "client": .string(peer.client),
      "downloaded": .integer(peer.downloaded), "uploaded": .integer(peer.uploaded),
      "encrypted": .bool(peer.isEncrypted), "transport": .string(peer.transport.rawValue),
    ]
  }
}
