# java: the just-in-time compiler, garbage collection with threads, direct buffers, zip, a child process.
needs="java javac" packages="default-jdk-headless"

run() {
    cat >Program.java <<'JAVA'
import java.nio.ByteBuffer;
import java.util.*;
import java.util.stream.*;
import java.util.zip.*;

public class Program {
    public static void main(String[] arguments) throws Exception {
        Map<Integer, String> map = new HashMap<>();
        for (int i = 0; i < 300000; i++) map.put(i * 31 % 100003, "value" + i);
        System.out.println(map.size() + " " + map.values().stream().mapToInt(String::length).sum());
        System.out.println(IntStream.range(0, 200000).parallel().mapToObj(Integer::toString).collect(Collectors.joining()).hashCode());
        long sum = 0;
        for (int i = 0; i < 200; i++) { ByteBuffer b = ByteBuffer.allocateDirect(100000); b.putInt(i * 4, i); sum += b.getInt(i * 4); }
        System.out.println(sum);
        byte[] data = new byte[1 << 20]; new Random(1).nextBytes(data); Arrays.fill(data, 0, 500000, (byte) 7);
        Deflater deflater = new Deflater(); deflater.setInput(data); deflater.finish();
        byte[] packed = new byte[2 << 20]; int length = deflater.deflate(packed); deflater.end();
        Inflater inflater = new Inflater(); inflater.setInput(packed, 0, length);
        byte[] back = new byte[1 << 20]; inflater.inflate(back); System.out.println(Arrays.equals(data, back));
        Thread[] threads = new Thread[8]; int[] counts = new int[8];
        for (int t = 0; t < 8; t++) { int id = t; threads[t] = new Thread(() -> { List<byte[]> l = new ArrayList<>(); for (int i = 0; i < 2000; i++) l.add(new byte[i]); counts[id] = l.size() + id; }); threads[t].start(); }
        for (Thread thread : threads) thread.join();
        System.out.println(Arrays.toString(counts));
        Process process = new ProcessBuilder("echo", "child").start();
        System.out.print(new String(process.getInputStream().readAllBytes())); System.out.println(process.waitFor());
        System.exit(9);
    }
}
JAVA
    tiered javac Program.java && tiered java -Xmx128m -cp . Program
    echo "status $?"
}
