import Bytes
import Digest
import PeerProtocol
import Testing

/// A file's whole Merkle tree, made the plain way: every layer with all its padding.
struct FullTree: Sendable {
  let layers: [[SHA256Digest]]
  let geometry: HashGeometry
  let leaves: [SHA256Digest]

  init(blocks: Int, perPiece: Int, seed: UInt64 = 1) {
    let hasher = SHA256()
    leaves = (0..<blocks).map { index in
      var bytes: [UInt8] = []
      bytes.append(bigEndian: seed)
      bytes.append(bigEndian: index)
      return digest(bytes)
    }
    let pieces = (blocks + perPiece - 1) / perPiece
    var width = pieces > 1 ? perPiece : 1
    while width < (pieces > 1 ? pieces * perPiece : blocks) { width *= 2 }
    var layers = [leaves + [SHA256Digest](repeating: .zero, count: width - blocks)]
    while let last = layers.last, last.count > 1 {
      layers.append(stride(from: 0, to: last.count, by: 2).map { hasher.parent(last[$0], last[$0 + 1]) })
    }
    self.layers = layers
    geometry = HashGeometry(root: layers[layers.count - 1][0], blockCount: blocks, blocksPerPiece: perPiece)
  }

  var pieceLayer: [SHA256Digest]? {
    geometry.hasPieceLayer ? Array(layers[geometry.pieceLayer].prefix(geometry.pieceCount)) : nil
  }

  func leaves(ofPiece piece: Int) -> [SHA256Digest] {
    Array(leaves[(piece * geometry.blocksPerPiece)...].prefix(geometry.blocksPerPiece))
  }

  /// The answer that BEP 52 asks for, read off the full tree.
  func answer(_ request: HashRequest) -> [SHA256Digest] {
    var answer = Array(layers[request.baseLayer][request.index..<request.index + request.length])
    var node = request.index
    for above in 1...max(1, request.proofLayers) where above <= request.proofLayers {
      node /= 2
      if 1 << above >= request.length {
        answer.append(layers[request.baseLayer + above][node ^ 1])
      }
    }
    return answer
  }
}

extension [SHA256Digest] {
  var wire: [UInt8] { flatMap(\.bytes) }
}

@Suite struct HashExchangeTests {
  static let shapes: [(blocks: Int, perPiece: Int)] = [
    (1, 1), (2, 1), (3, 1), (5, 1), (511, 1), (512, 1), (513, 1), (1025, 1), (1, 4), (3, 4), (4, 4), (5, 4),
    (8, 4), (9, 4), (20, 4), (17, 16), (2044, 4), (2047, 4), (2050, 4), (4097, 4), (3000, 2), (2049, 2),
  ]

  @Test(arguments: shapes)
  func geometryAgreesWithTheFullTree(blocks: Int, perPiece: Int) {
    let tree = FullTree(blocks: blocks, perPiece: perPiece)
    #expect(tree.geometry.height == tree.layers.count - 1)
    #expect(tree.geometry.pieceCount == (blocks + perPiece - 1) / perPiece)
  }

  /// A requester with nothing but the root gets the whole layer, and each answer is that of the full tree.
  @Test(arguments: shapes)
  func honestServerGivesTheWholeLayer(blocks: Int, perPiece: Int) throws {
    let tree = FullTree(blocks: blocks, perPiece: perPiece)
    let requester = Requester([nil, tree.geometry])
    let server = Server()
    var pieces = 0
    var layer: [SHA256Digest]?
    while let request = requester.next(for: 1, now: 0, offers: { file, _ in file == 1 }) {
      #expect(request.length >= 2 && request.length <= 512)
      #expect(request.length & (request.length - 1) == 0)
      #expect(request.index % request.length == 0)
      #expect(HashServer.need(of: request, file: tree.geometry) == .pieceLayer)
      let answer = try #require(server.answer(request, file: tree.geometry, pieceLayer: tree.pieceLayer))
      #expect(answer == tree.answer(request))
      let outcome = requester.received(from: 1, request, answer, now: 1)
      guard case .pieceHashes(let root, let range, let whole) = outcome else {
        Issue.record("\(outcome)")
        return
      }
      #expect(root == tree.geometry.root)
      #expect(requester.pieceHash(file: 1, piece: range.lowerBound) == tree.pieceLayer?[range.lowerBound])
      pieces += range.count
      layer = whole
    }
    #expect(requester.isIdle)
    #expect(layer == tree.pieceLayer)
    #expect(requester.layer(ofFile: 1) == tree.pieceLayer)
    #expect(pieces == (tree.geometry.hasPieceLayer ? tree.geometry.pieceCount : 0))
    #expect(requester.pieceHash(file: 0, piece: 0) == nil)
  }

  /// Leaves of the first and last piece, with and without the piece layer at hand.
  @Test(arguments: shapes, [true, false])
  func leavesOfAPieceAreProven(shape: (blocks: Int, perPiece: Int), knowsLayer: Bool) throws {
    let tree = FullTree(blocks: shape.blocks, perPiece: shape.perPiece)
    let requester = Requester([tree.geometry], layers: knowsLayer ? [tree.pieceLayer] : [])
    let server = Server()
    for piece in Set([0, tree.geometry.pieceCount / 2, tree.geometry.pieceCount - 1]) {
      let hasLeaves = shape.perPiece > 1 && tree.geometry.blockCount > 1
      #expect(requester.wantLeaves(file: 0, piece: piece) == hasLeaves)
      guard hasLeaves else { continue }
      let request = try #require(requester.next(for: 9, now: 0) { _, _ in true })
      #expect(request.baseLayer == 0)
      #expect(HashServer.need(of: request, file: tree.geometry) == .leaves(piece: piece))
      let answer = try #require(
        server.answer(
          request, file: tree.geometry, pieceLayer: tree.pieceLayer, leaves: tree.leaves(ofPiece: piece)))
      #expect(answer == tree.answer(request))
      if knowsLayer { #expect(answer.count == request.length) }
      #expect(
        requester.received(from: 9, request, answer, now: 0)
          == .leaves(root: tree.geometry.root, piece: piece, tree.leaves(ofPiece: piece)))
    }
  }

  /// One wrong bit anywhere, in hashes or uncles, names the sender.
  @Test(arguments: [(2, 1), (5, 1), (513, 1), (9, 4), (2050, 4)])
  func everyLieIsFound(blocks: Int, perPiece: Int) throws {
    let tree = FullTree(blocks: blocks, perPiece: perPiece)
    var generator = SeededGenerator(state: 3)
    let requester = Requester([tree.geometry])
    let server = Server()
    for liar in 0..<40 {
      let request = try #require(requester.next(for: liar, now: 0) { _, _ in true })
      var answer = try #require(
        server.answer(request, file: tree.geometry, pieceLayer: tree.pieceLayer)
      ).wire
      switch liar {
      case 0: answer.removeLast(32)
      case 1: answer += [UInt8](repeating: 0, count: 32)
      case 2: answer = []
      case 3: answer = [UInt8](repeating: 0, count: answer.count)
      default: answer[Int.random(in: 0..<answer.count, using: &generator)] ^= 1 << UInt8(liar % 8)
      }
      #expect(requester.received(from: liar, request, answer, now: 0) == .lie)
      #expect(requester.pieceHash(file: 0, piece: request.index) == nil)
      // The liar is not asked for it again, even if its owner keeps it.
      #expect(requester.next(for: liar, now: .max - 1) { _, pieces in pieces.contains(request.index) } == nil)
      requester.forget(peer: liar)
    }
    while let request = requester.next(for: 99, now: 0, offers: { _, _ in true }) {
      let answer = try #require(server.answer(request, file: tree.geometry, pieceLayer: tree.pieceLayer))
      _ = requester.received(from: 99, request, answer, now: 0)
    }
    #expect(requester.layer(ofFile: 0) == tree.pieceLayer)
  }

  @Test func liesAboutLeavesAreFoundWithTheLayerAtHand() throws {
    let tree = FullTree(blocks: 18, perPiece: 8)
    let requester = Requester([tree.geometry], layers: [tree.pieceLayer])
    requester.wantLeaves(file: 0, piece: 1)
    let request = try #require(requester.next(for: 1, now: 0) { _, _ in true })
    let wrong = tree.leaves(ofPiece: 0)
    #expect(requester.received(from: 1, request, wrong, now: 0) == .lie)
    let again = try #require(requester.next(for: 2, now: 0) { _, _ in true })
    #expect(again == request)
    let right = tree.leaves(ofPiece: 1)
    #expect(
      requester.received(from: 2, again, right, now: 0)
        == .leaves(root: tree.geometry.root, piece: 1, right))
  }

  @Test func oneRequestPerChunkAndAnotherPeerAfterAReject() throws {
    let tree = FullTree(blocks: 300, perPiece: 1)
    let requester = Requester([tree.geometry])
    let request = try #require(requester.next(for: 1, now: 0) { _, _ in true })
    #expect(requester.next(for: 2, now: 0) { _, _ in true } == nil)
    #expect(!requester.rejected(by: 2, request, now: 0))
    #expect(requester.rejected(by: 1, request, now: 0))
    #expect(requester.next(for: 1, now: 1) { _, _ in true } == nil)
    #expect(requester.next(for: 2, now: 1) { _, _ in true } == request)
    #expect(requester.rejected(by: 2, request, now: 1))
    // After a while the first may be asked again.
    #expect(requester.next(for: 1, now: 61_000_000_000) { _, _ in true } == request)
  }

  @Test func lateAnswersStillCount() throws {
    let tree = FullTree(blocks: 300, perPiece: 1)
    let requester = Requester([tree.geometry])
    let request = try #require(requester.next(for: 1, now: 0) { _, _ in true })
    #expect(requester.nextDeadline == 20_000_000_000)
    let second = try #require(requester.next(for: 2, now: 20_000_000_000) { _, _ in true })
    #expect(second == request)
    let answer = tree.answer(request).wire
    guard
      case .pieceHashes(_, 0..<300, _?) = requester.received(
        from: 1, request, answer, now: 21_000_000_000)
    else {
      Issue.record("a late answer was not taken")
      return
    }
    #expect(requester.nextDeadline == nil)
    #expect(requester.received(from: 2, request, answer, now: 0) == .late)
    #expect(requester.received(from: 2, request, answer, now: 0) == .unrequested)
    #expect(requester.received(from: 3, request, answer, now: 0) == .unrequested)
  }

  @Test func aPeerThatLostARequestIsLetAloneForAWhile() throws {
    let tree = FullTree(blocks: 300, perPiece: 1)
    let requester = Requester([tree.geometry])
    let request = try #require(requester.next(for: 1, now: 0))
    #expect(requester.next(for: 1, now: 20_000_000_000) == nil)
    #expect(requester.nextDeadline == nil)
    #expect(requester.next(for: 1, now: 79_999_999_999) == nil)
    #expect(requester.next(for: 1, now: 80_000_000_000) == request)
  }

  @Test func aLeavingPeerGivesItsChunksBack() throws {
    let tree = FullTree(blocks: 1025, perPiece: 1)
    let requester = Requester([tree.geometry])
    var asked: Set<HashRequest> = []
    while let request = requester.next(for: 1, now: 0, offers: { _, _ in true }) { asked.insert(request) }
    #expect(
      asked.map { [$0.index, $0.length, $0.proofLayers] }.sorted { $0[0] < $1[0] }
        == [[0, 512, 10], [512, 512, 10], [1024, 2, 10]])
    requester.forget(peer: 1)
    #expect(requester.nextDeadline == nil)
    var again: Set<HashRequest> = []
    while let request = requester.next(for: 1, now: 0, offers: { _, _ in true }) { again.insert(request) }
    #expect(again == asked)
  }

  @Test func requestsInFlightAreBounded() {
    let files = (0..<50).map { FullTree(blocks: 2, perPiece: 1, seed: UInt64($0)).geometry }
    var limits = HashRequester.Limits()
    limits.perPeer = 3
    limits.total = 10
    let requester = Requester(files, limits: limits)
    var counts: [Int] = []
    for peer in 0..<5 {
      var count = 0
      while requester.next(for: peer, now: 0, offers: { _, _ in true }) != nil { count += 1 }
      counts.append(count)
    }
    #expect(counts == [3, 3, 3, 1, 0])
  }

  @Test func aPeerThatRejectsEverythingIsPaused() throws {
    let files = (0..<50).map { FullTree(blocks: 2, perPiece: 1, seed: UInt64($0)).geometry }
    let requester = Requester(files)
    var count = 0
    while let request = requester.next(for: 1, now: 5, offers: { _, _ in true }) {
      requester.rejected(by: 1, request, now: 5)
      count += 1
    }
    #expect(count == 8)
    #expect(requester.next(for: 2, now: 5) { _, _ in true } != nil)
    #expect(requester.next(for: 1, now: 60_000_000_005) { _, _ in true } != nil)
  }

  @Test func onlyPeersThatHaveSomethingAreAsked() {
    let tree = FullTree(blocks: 1025, perPiece: 1)
    let requester = Requester([tree.geometry])
    #expect(requester.next(for: 1, now: 0) { _, _ in false } == nil)
    #expect(requester.next(for: 1, now: 0) { _, pieces in pieces.contains(600) }?.index == 512)
    #expect(requester.next(for: 1, now: 0) { _, pieces in pieces.contains(600) } == nil)
    #expect(requester.next(for: 1, now: 0) { _, pieces in pieces == 1024..<1025 }?.index == 1024)
  }

  @Test func filesOfTheSameContentAreAskedForOnce() throws {
    let tree = FullTree(blocks: 6, perPiece: 2)
    let requester = Requester([tree.geometry, nil, tree.geometry])
    let request = try #require(requester.next(for: 1, now: 0) { file, _ in file == 2 })
    #expect(requester.next(for: 1, now: 0) { _, _ in true } == nil)
    _ = requester.received(from: 1, request, tree.answer(request), now: 0)
    #expect(requester.layer(ofFile: 0) == tree.pieceLayer)
    #expect(requester.layer(ofFile: 2) == tree.pieceLayer)
  }

  @Test func oneRootForFilesOfDifferentSizesIsALieOfTheTorrent() throws {
    let tree = FullTree(blocks: 6, perPiece: 2)
    let longer = HashGeometry(root: tree.geometry.root, blockCount: 40, blocksPerPiece: 2)
    let requester = Requester([tree.geometry, longer])
    let request = try #require(requester.next(for: 1))
    #expect(requester.next(for: 1) == nil)
    _ = requester.received(from: 1, request, tree.answer(request))
    #expect(requester.layer(ofFile: 0) == tree.pieceLayer)
    #expect(requester.layer(ofFile: 1) == nil)
    #expect(requester.pieceHash(file: 1, piece: 19) == nil)
    #expect(!requester.wantLeaves(file: 1, piece: 19))
    #expect(requester.isIdle)
  }

  @Test func leavesNoLongerWantedAreNotAskedFor() throws {
    let tree = FullTree(blocks: 8, perPiece: 4)
    let requester = Requester([tree.geometry], layers: [tree.pieceLayer])
    requester.wantLeaves(file: 0, piece: 1)
    let request = try #require(requester.next(for: 1, now: 0) { _, _ in true })
    requester.unwantLeaves(file: 0, piece: 1)
    #expect(requester.isIdle)
    #expect(requester.nextDeadline == nil)
    let answer = tree.answer(request).wire
    #expect(requester.received(from: 1, request, answer, now: 0) == .late)
  }

  /// A request of length one is against the BEP, but is sent for a last chunk of one piece.
  @Test(arguments: [(1024, 9), (0, 3)])
  func lengthOneIsAnsweredWithItsSiblingFirst(index: Int, proofLayers: Int) throws {
    let tree = FullTree(blocks: 1025, perPiece: 1)
    let server = Server()
    let request = HashRequest(
      piecesRoot: tree.geometry.root, baseLayer: 0, index: index, length: 1, proofLayers: proofLayers)
    let answer = try #require(server.answer(request, file: tree.geometry, pieceLayer: tree.pieceLayer))
    #expect(answer == [tree.layers[0][index]] + (0...proofLayers).map { tree.layers[$0][index >> $0 ^ 1] })
  }

  @Test(arguments: [
    (3, 0, 2, 0), (0, 1, 2, 0), (0, 0, 3, 0), (0, 0, 0, 0), (0, 1024, 1024, 0), (0, 0, 2, 11), (11, 0, 1, 0),
    (0, 0xffff_fffe, 2, 0), (0, 0, 0x8000_0000, 0), (0xffff_ffff, 0, 2, 0), (0, 0, 2, 0xffff_ffff),
    (0, 0, 16, 0), (1, 0, 2, 0), (0, 896, 8, 0),
  ])
  func requestsOutsideTheTreeAreRefused(base: Int, index: Int, length: Int, proofLayers: Int) {
    let tree = FullTree(blocks: 850, perPiece: 8)
    let server = Server()
    let request = HashRequest(
      piecesRoot: tree.geometry.root, baseLayer: base, index: index, length: length, proofLayers: proofLayers)
    if base == 3 {
      #expect(server.answer(request, file: tree.geometry, pieceLayer: tree.pieceLayer) != nil)
      #expect(server.answer(request, file: tree.geometry, pieceLayer: nil) == nil)
      #expect(server.answer(request, file: tree.geometry, pieceLayer: [.zero]) == nil)
    } else {
      #expect(HashServer.need(of: request, file: tree.geometry) == .nothing)
      #expect(server.answer(request, file: tree.geometry, pieceLayer: tree.pieceLayer) == nil)
    }
    var foreign = request
    foreign.piecesRoot = .zero
    #expect(HashServer.need(of: foreign, file: tree.geometry) == .nothing)
  }

  @Test func smallParentsAndPartsOfAPieceAreServed() throws {
    let tree = FullTree(blocks: 850, perPiece: 8)
    let server = Server(limit: 1)
    for (base, index, length, proof) in [
      (5, 4, 4, 4), (0, 10, 2, 9), (0, 8, 4, 0), (0, 8, 8, 5), (0, 848, 2, 9),
    ] {
      let request = HashRequest(
        piecesRoot: tree.geometry.root, baseLayer: base, index: index, length: length, proofLayers: proof)
      let answer = try #require(
        server.answer(
          request, file: tree.geometry, pieceLayer: tree.pieceLayer, leaves: tree.leaves(ofPiece: index / 8)))
      #expect(answer == tree.answer(request))
    }
  }

  @Test func manyFilesShareABoundedCache() throws {
    let server = Server(limit: 10)
    for round in 0..<3 {
      for seed in 0..<5 {
        let tree = FullTree(blocks: 6 + round, perPiece: 1, seed: UInt64(seed))
        let request = HashRequest(
          piecesRoot: tree.geometry.root, baseLayer: 0, index: 4, length: 2, proofLayers: 2)
        #expect(
          server.answer(request, file: tree.geometry, pieceLayer: tree.pieceLayer) == tree.answer(request))
      }
    }
  }
}
