import Addresses
import Digest
import JSON
import TrackerProtocol

/// One torrent with its peers, for people.
struct TorrentReport {
  let hash: InfoHash
  let counts: SwarmCounts
  let peers: [SwarmMember]
  let first: Int
  let total: Int
  let pieces: PieceBook.Summary
  /// Bytes a second that peers are believed to send.
  let rates: [Endpoint: Double]
  let names: NameBook

  /// `nil` if the tracker does not know the torrent.
  init?(_ hash: InfoHash, first: Int, limit: Int, core: TrackerCore) {
    let listed = core.table.peers(of: hash, limit: first + limit, now: core.clock())
    guard let listed, let counts = core.table.scrape(hash) else { return nil }
    self.hash = hash
    self.counts = counts
    peers = Array(listed.dropFirst(first))
    self.first = first
    total = counts.seeds + counts.leeches
    pieces = core.extensions.pieces.summary(of: hash)
    rates = core.extensions.rank.rates(in: hash, now: core.clock())
    names = core.extensions.names
  }

  /// Addresses are for administrators.
  func json(showsAddresses: Bool) -> JSONValue {
    var members = TorrentPage.members(hash, counts)
    members.append(.init("downloaders", JSONValue(counts.downloaders ?? counts.leeches)))
    members.append(.init("rate", JSONValue(Int(min(rates.values.reduce(0, +), 1e15)))))
    members.append(.init("pieces", piecesJSON))
    members.append(.init("peers", .array(peers.map { json($0, showsAddresses) })))
    let next = first + peers.count
    members.append(.init("next", next < total ? JSONValue(next) : .null))
    return .object(members)
  }

  private var piecesJSON: JSONValue {
    [
      "reporting": JSONValue(pieces.reporting), "highest": JSONValue(pieces.highest),
      "rarest": .array(
        pieces.rarest.map { ["piece": JSONValue($0.piece), "holders": JSONValue($0.holders)] }),
    ]
  }

  private func json(_ peer: SwarmMember, _ showsAddress: Bool) -> JSONValue {
    var members: [JSONValue.Member] = []
    if showsAddress { members.append(.init("address", .string("\(peer.endpoint)"))) }
    members.append(.init("family", JSONValue(peer.endpoint.address.isV4 ? 4 : 6)))
    members.append(.init("is_seed", .bool(peer.isSeed)))
    members.append(.init("is_partial_seed", .bool(peer.isPaused)))
    members.append(.init("age", JSONValue(peer.age)))
    if let count = pieces.counts[peer.endpoint] { members.append(.init("pieces", JSONValue(count))) }
    if let rate = rates[peer.endpoint] { members.append(.init("rate", JSONValue(Int(min(rate, 1e15))))) }
    if let name = names.name(of: peer.endpoint) { members.append(.init("name", .string(name))) }
    return .object(members)
  }
}
