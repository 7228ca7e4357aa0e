import Bytes
import Testing

@Suite struct BitfieldTests {
  @Test(arguments: [0, 1, 7, 8, 9, 63, 64, 65, 128, 1000])
  func theWireFormRoundTrips(_ count: Int) {
    var field = Bitfield(count: count)
    for index in stride(from: 0, to: count, by: 3) { field[index] = true }
    #expect(field.wire.count == (count + 7) / 8)
    let read = Bitfield(wire: field.wire.rawBytes, count: count)
    #expect(read == field)
    #expect(read?.ones == (count + 2) / 3)
  }

  @Test func theFirstPieceIsTheHighBit() {
    var field = Bitfield(count: 10)
    field[0] = true
    field[9] = true
    #expect(field.wire == [0x80, 0x40])
  }

  @Test(arguments: [([0xff], 9), ([0xff, 0x80, 0], 9), ([0xff, 0xc0], 9), ([0x01], 7)] as [([UInt8], Int)])
  func wrongLengthsAndSpareBitsAreRefused(_ bytes: [UInt8], _ count: Int) {
    #expect(Bitfield(wire: bytes.rawBytes, count: count) == nil)
  }

  @Test func fullFieldsHaveNoSpareBits() {
    for count in 0...130 {
      let field = Bitfield(count: count, allSet: true)
      #expect(field.isFull)
      #expect(Bitfield(wire: field.wire.rawBytes, count: count) == field)
    }
  }

  @Test func onesFollowChanges() {
    var field = Bitfield(count: 70)
    field[69] = true
    field[69] = true
    #expect(field.ones == 1)
    field[69] = false
    #expect(field.isEmpty)
  }
}
