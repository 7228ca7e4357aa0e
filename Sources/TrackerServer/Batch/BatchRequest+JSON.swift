import Bytes
import Digest
import JSON
import TrackerProtocol

// The same messages as JSON: for people and scripts.
extension BatchRequest {
  /// Reads a batch from JSON: the keys of an announce, `torrents` with a dictionary each, info-hashes in
  /// hexadecimal.
  init(json bytes: [UInt8], limit: Int) throws(RequestFault) {
    guard let root = try? JSONValue(utf8: bytes) else { throw .malformed("the body") }
    guard let id = root["peer_id"]?.string else { throw .missing("peer_id") }
    let peerID = id.utf8.count == 20 ? Array(id.utf8) : [UInt8](hexadecimal: id) ?? []
    guard peerID.count == 20 else { throw .malformed("peer_id") }
    guard let number = root["port"]?.integer else { throw .missing("port") }
    guard let port = UInt16(exactly: number) else { throw .malformed("port") }
    guard port != 0 else { throw .portZero }
    let rest = Rest(rawValue: root["rest"]?.string ?? "") ?? .none
    let key = (root["key"]?.integer).flatMap { UInt32(exactly: $0) }
    let listed = root["torrents"]?.array ?? []
    guard listed.count <= limit else { throw .malformed("torrents") }
    var entries: [Entry] = []
    entries.reserveCapacity(listed.count)
    for torrent in listed {
      guard let hash = (torrent["info_hash"]?.string).flatMap({ InfoHash(hexadecimal: $0) }) else {
        throw .malformed("info_hash")
      }
      func count(_ name: String) -> UInt64 { UInt64(clamping: max(0, torrent[name]?.integer ?? 0)) }
      let event = AnnounceEvent(rawValue: torrent["event"]?.string ?? "") ?? .regular
      entries.append(
        Entry(
          infoHash: hash, event: event, uploaded: count("uploaded"), downloaded: count("downloaded"),
          left: count("left"), wanted: (torrent["numwant"]?.integer).map { Int(clamping: max(0, $0)) },
          query: Self.query(torrent)))
    }
    self.init(peerID: peerID, port: port, key: key, entries: entries, rest: rest)
  }

  /// The `x_` keys of a torrent as the query that they are elsewhere. Numbers and plain text only: a name goes
  /// percent-encoded.
  private static func query(_ torrent: JSONValue) -> [UInt8] {
    guard case .object(let members) = torrent else { return [] }
    let parts = members.compactMap { member -> String? in
      guard member.name.hasPrefix("x_") else { return nil }
      if let text = member.value.string { return "\(member.name)=\(text)" }
      return member.value.integer.map { "\(member.name)=\($0)" }
    }
    return Array(parts.joined(separator: "&").utf8)
  }
}

extension BatchReply {
  /// The reply to `request`, whose info-hashes name the results.
  func json(_ request: BatchRequest) -> JSONValue {
    let torrents = zip(request.entries, results).map { entry, result -> JSONValue in
      let hash = JSONValue.string("\(entry.infoHash)")
      guard case .reply(let reply) = result else {
        guard case .refused(let reason) = result else { return .null }
        return ["info_hash": hash, "failure": .string(reason)]
      }
      var members: [JSONValue.Member] = [
        .init("info_hash", hash), .init("seeds", JSONValue(reply.seeds ?? 0)),
        .init("leeches", JSONValue(reply.leeches ?? 0)),
        .init("peers", .array(reply.peers.map { .string("\($0)") })),
      ]
      if let extensions = reply.extensions, !extensions.holders.isEmpty {
        let holders = extensions.holders.sorted { $0.key < $1.key }.map {
          JSONValue.Member("\($0.key)", .array($0.value.map { .string("\($0)") }))
        }
        members.append(.init("holders", .object(holders)))
      }
      return .object(members)
    }
    return [
      "interval": JSONValue(interval), "min_interval": JSONValue(minimumInterval ?? interval),
      "remembered": JSONValue(remembered), "torrents": .array(torrents),
    ]
  }
}
