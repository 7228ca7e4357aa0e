import Bytes
import Testing

@testable import BitTorrent

/// Every tiny torrent: what must hold for all of them.
@Suite struct PiecePickerSmallWorldTests {
  @Test(arguments: 1...4)
  func `one seed gives every block once, whatever the geometry`(pieceBlocks: Int) {
    for length in stride(from: 1, through: 6 * Block.size + 1, by: Block.size / 2 - 1) {
      let geometry = PieceGeometry(length: length, pieceLength: pieceBlocks * Block.size)
      for count in [1, 2, 3, 100] {
        for limit in 1...3 {
          var options = PickerOptions()
          options.maximumOpenPieces = limit
          var picker = PiecePicker(
            geometry: geometry, have: Bitfield(count: geometry.pieceCount),
            random: SeededGenerator(seed: UInt64(length)), options: options)
          let all = Bitfield(count: geometry.pieceCount, allSet: true)
          picker.join(alice, has: all)
          var seen: Set<Block> = []
          var bytes = 0
          while true {
            let blocks = picker.picked(count, alice, all)
            if blocks.isEmpty { break }
            for block in blocks {
              #expect(seen.insert(block).inserted)
              bytes += geometry.length(block)
              let receipt = picker.take(block, alice).0
              if receipt == .completesPiece { picker.pieceVerified(Int(block.piece)) }
            }
            #expect(picker.openCount <= limit)
            #expect(picker.checkInvariants() == [])
          }
          #expect(bytes == length && picker.isDone)
        }
      }
    }
  }

  @Test(arguments: 0..<8, 0..<8)
  func `two peers give all that either has`(first: Int, second: Int) {
    for blocks in 1...3 {
      for (count, limit, rates) in [
        (1, 1, [0, 0]), (1, 3, [fast, slow]), (2, 2, [slow, fast]), (9, 3, [0, fast]), (9, 1, [fast, fast]),
      ] {
        for seed in 0..<4 as Range<UInt64> {
          var options = PickerOptions()
          options.maximumOpenPieces = limit
          finish(
            [first, second], blocks, count, rates, picker(3, blocks: blocks, seed: seed, options: options))
        }
      }
    }
  }

  /// Peers deliver in turn, the oldest request first, until nothing is left to ask for.
  private func finish(
    _ masks: [Int], _ blocks: Int, _ count: Int, _ rates: [Double], _ start: PiecePicker
  ) {
    var picker = start
    let fields = masks.map { mask in bits(3, (0..<3).filter { mask >> $0 & 1 == 1 }) }
    var queues: [[Block]] = [[], []]
    for peer in 0..<2 {
      picker.join(PeerSlot(Int32(peer)), has: fields[peer])
      picker.measured(PeerSlot(Int32(peer)), rate: rates[peer])
    }
    var (needed, sent, isIdle) = (0, 0, false)
    while !isIdle {
      isIdle = true
      for peer in 0..<2 {
        let slot = PeerSlot(Int32(peer))
        queues[peer] += picker.picked(count, slot, fields[peer])
        guard !queues[peer].isEmpty else { continue }
        isIdle = false
        let block = queues[peer].removeFirst()
        sent += 1
        let (receipt, others) = picker.take(block, slot)
        for other in others { queues[other.index].removeAll { $0 == block } }
        #expect(receipt == .needed || receipt == .completesPiece)
        needed += 1
        if receipt == .completesPiece { picker.pieceVerified(Int(block.piece)) }
        #expect(picker.checkInvariants() == [])
      }
    }
    let union = masks[0] | masks[1]
    #expect(needed == sent && needed == union.nonzeroBitCount * blocks, "\(masks) \(count) \(rates)")
    #expect((0..<3).allSatisfy { picker.have[$0] == (union >> $0 & 1 == 1) })
  }
}
