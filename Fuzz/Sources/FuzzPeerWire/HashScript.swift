import Bytes
import Digest
import FuzzDriver
import PeerProtocol

/// Peers that answer, lie, reject, stall and leave in the order that an input gives; afterwards an honest
/// one must still bring the whole layer, and no honest answer may ever count as a lie.
struct HashScript {
  static let trees = [
    HashTreeSample(blocks: 3, perPiece: 1), HashTreeSample(blocks: 600, perPiece: 1),
    HashTreeSample(blocks: 11, perPiece: 4), HashTreeSample(blocks: 3, perPiece: 4),
  ]

  /// A server that has hashed its trees already.
  private static let warm: HashServer = {
    var server = HashServer()
    for tree in trees where tree.pieceLayer != nil {
      let request = HashRequest(
        piecesRoot: tree.geometry.root, baseLayer: tree.geometry.pieceLayer, index: 0, length: 2,
        proofLayers: 0)
      _ = server.answer(request, file: tree.geometry, pieceLayer: tree.pieceLayer)
    }
    return server
  }()

  private var requester = HashRequester(files: trees.map(\.geometry))
  private var server = Self.warm
  private var pending: [(peer: Int, request: HashRequest)] = []
  private var now: UInt64 = 0

  mutating func run(_ script: inout Script) {
    for _ in 0..<400 {
      guard let operation = script.byte(), let argument = script.byte() else { break }
      step(Int(operation), Int(argument))
    }
    now += 1 << 50
    for peer in 100..<400 where !requester.isIdle {
      while let request = requester.next(for: peer, now: now, offers: { _, _ in true }) {
        answer(peer: peer, request)
      }
    }
    precondition(requester.isIdle)
    for (index, tree) in Self.trees.enumerated() {
      precondition(requester.layer(ofFile: index) == tree.pieceLayer)
    }
  }

  private mutating func step(_ operation: Int, _ argument: Int) {
    let peer = argument % 5
    switch operation % 8 {
    case 0, 1:
      if let request = requester.next(
        for: peer, now: now, offers: { file, _ in argument & 64 == 0 || file == 1 })
      {
        pending.append((peer, request))
      }
    case 2, 3:
      guard !pending.isEmpty else { return }
      let (peer, request) = pending.remove(at: argument % pending.count)
      answer(peer: peer, request)
    case 4:
      guard !pending.isEmpty else { return }
      let (peer, request) = pending.remove(at: argument % pending.count)
      requester.rejected(by: peer, request, now: now)
    case 5:
      guard !pending.isEmpty else { return }
      let (peer, request) = pending.remove(at: argument % pending.count)
      var wire = honest(request)
      wire[operation * 7 % wire.count] ^= 1
      let outcome = requester.received(from: peer, request, hashes: wire.rawBytes, now: now)
      switch outcome {
      case .lie, .late, .unrequested: break
      default: preconditionFailure("a lie was taken")
      }
    case 6:
      if argument & 1 == 0 {
        now += UInt64(argument) << 28
      } else {
        requester.forget(peer: peer)
        pending.removeAll { $0.peer == peer }
      }
    default:
      let file = argument % Self.trees.count
      let piece = operation / 8 % Self.trees[file].geometry.pieceCount
      if argument & 64 == 0 {
        requester.wantLeaves(file: file, piece: piece)
      } else {
        requester.unwantLeaves(file: file, piece: piece)
      }
    }
  }

  private mutating func honest(_ request: HashRequest) -> [UInt8] {
    guard let tree = Self.trees.first(where: { $0.geometry.root == request.piecesRoot }) else {
      preconditionFailure("a request for no file")
    }
    let leaves: [SHA256Digest]
    switch HashServer.need(of: request, file: tree.geometry) {
    case .nothing: preconditionFailure("an unanswerable request")
    case .pieceLayer: leaves = []
    case .leaves(let piece): leaves = tree.leaves(ofPiece: piece)
    }
    let hashes = server.answer(request, file: tree.geometry, pieceLayer: tree.pieceLayer, leaves: leaves)
    guard let hashes else { preconditionFailure("no answer") }
    return hashes.flatMap(\.bytes)
  }

  private mutating func answer(peer: Int, _ request: HashRequest) {
    let outcome = requester.received(from: peer, request, hashes: honest(request).rawBytes, now: now)
    switch outcome {
    case .lie: preconditionFailure("an honest answer counts as a lie")
    // Of a peer that never answers only the latest requests are remembered.
    case .unrequested: precondition(pending.count >= 60, "an honest answer counts as unrequested")
    default: break
    }
  }
}

/// A small file's tree.
struct HashTreeSample: Sendable {
  let geometry: HashGeometry
  let pieceLayer: [SHA256Digest]?
  private let blocks: [SHA256Digest]

  init(blocks count: Int, perPiece: Int) {
    let hasher = SHA256()
    let blocks = (0..<count).map { index in
      var bytes: [UInt8] = []
      bytes.append(bigEndian: index + count << 32 + perPiece << 48)
      return SHA256.hash(bytes.rawBytes)
    }
    func fold(_ nodes: [SHA256Digest], _ padding: SHA256Digest, levels: Int) -> SHA256Digest {
      var nodes = nodes + [SHA256Digest](repeating: padding, count: 1 << levels - nodes.count)
      while nodes.count > 1 {
        nodes = stride(from: 0, to: nodes.count, by: 2).map { hasher.parent(nodes[$0], nodes[$0 + 1]) }
      }
      return nodes[0]
    }
    func levels(_ width: Int) -> Int { width <= 1 ? 0 : Int.bitWidth - (width - 1).leadingZeroBitCount }
    self.blocks = blocks
    if count <= perPiece {
      pieceLayer = nil
      let root = fold(blocks, .zero, levels: levels(count))
      geometry = HashGeometry(root: root, blockCount: count, blocksPerPiece: perPiece)
    } else {
      let depth = levels(perPiece)
      let layer = stride(from: 0, to: count, by: perPiece).map {
        fold(Array(blocks[$0..<min(count, $0 + perPiece)]), .zero, levels: depth)
      }
      let root = fold(layer, fold([], .zero, levels: depth), levels: levels(layer.count))
      pieceLayer = layer
      geometry = HashGeometry(root: root, blockCount: count, blocksPerPiece: perPiece)
    }
  }

  func leaves(ofPiece piece: Int) -> [SHA256Digest] {
    Array(blocks[(piece * geometry.blocksPerPiece)...].prefix(geometry.blocksPerPiece))
  }
}
