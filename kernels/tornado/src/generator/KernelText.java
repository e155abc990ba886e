// SPDX-License-Identifier: Apache-2.0

/** The text of a kernel that is being written, and how the numbers of its fragments are read. */
final class KernelText {
  /**
   * How the numbers of an accumulator fragment are read. The one switch for it: {@code
   * -Dtornado.registerReads=true} of the build, {@code -DregisterReads=true} of the generators.
   *
   * <p>False: the fragment is stored to four words of local memory that belong to the thread, and read
   * back from there; the device's compiler keeps the values in registers. TornadoVM 5.2.0 takes this
   * alone, as it refuses an index on a fragment ("address origin unimplemented").
   *
   * <p>True: {@code fragment[i]} with a constant index. TornadoVM 7 and later compile that to a read
   * of the register. Not tried here: no such SDK was at hand.
   */
  private static final boolean REGISTER_READS = Boolean.getBoolean("registerReads");

  private final StringBuilder text = new StringBuilder();
  private final int warps;

  /**
   * @param warps of a work-group, whose threads each have four words to read fragments from
   */
  KernelText(int warps) {
    this.warps = warps;
  }

  /** Adds text as it is. */
  void add(String more) {
    text.append(more);
  }

  /** Adds a line of the kernel's body. */
  void line(String format, Object... arguments) {
    text.append("    ").append(arguments.length == 0 ? format : format.formatted(arguments));
    text.append('\n');
  }

  /** Which thread this is, and where its own words for {@link #read} are. */
  void threads() {
    line("// The mask tells the device's compiler how large an index can be.");
    line("int thread = context.localIdx & %d;", 32 * warps - 1);
    line("int lane = thread & 31;");
    line("int warp = thread >> 5;");
    line("int group = lane >> 2;");
    line("int member = lane & 3;");
    line("int back = -group;");
    line("// mmaStore adds the array header of 16 bytes, the lane's row and its column.");
    line("int slotAt = 2 * thread;");
    line("int slotColumn = slotAt - (member << 1);");
    line("int slot0 = slotAt + 4;");
  }

  /** Brings the numbers of a fragment to where {@link #element} finds them. */
  void read(String fragment) {
    if (!REGISTER_READS) {
      line("context.mmaStore(%s, slotStore, back, slotColumn, %d);", fragment, 8 * warps);
    }
  }

  /** The same for a fragment of whole numbers, each of which has the bits of a float. */
  void readWhole(String fragment) {
    if (!REGISTER_READS) {
      line("context.mmaStoreInt(%s, slotInts, back, slotColumn, %d);", fragment, 8 * warps);
    }
  }

  /** A number of the fragment that {@link #readWhole} read last, as the float of its bits. */
  String wholeElement(String fragment, int i) {
    String element = element(fragment, i);
    return REGISTER_READS ? "Float.intBitsToFloat(%s)".formatted(element) : element;
  }

  /** A number of the fragment that was read last: the first two are of one row, two of another. */
  String element(String fragment, int i) {
    return REGISTER_READS
        ? "%s[%d]".formatted(fragment, i)
        : "slot[slot0 + %d]".formatted(slotOffset(i));
  }

  /** Where a thread's four words are, from the first one on. */
  int slotOffset(int i) {
    return i < 2 ? i : 64 * warps + i - 2;
  }

  @Override
  public String toString() {
    return text.toString();
  }
}
