# ffmpeg: pictures and sound made, encoded with threads, filtered, put together and decoded again; a damaged file.
needs="ffmpeg" packages="ffmpeg"

run() {
    local quiet="ffmpeg -nostdin -hide_banner -loglevel error"
    tiered $quiet -f lavfi -i testsrc2=size=320x240:rate=25 -f lavfi -i sine=frequency=440 -t 4 -threads 2 \
        -c:v mpeg4 -q:v 5 -c:a flac -fflags +bitexact -flags +bitexact made.mkv
    tiered $quiet -i made.mkv -map 0 -f md5 -
    tiered $quiet -i made.mkv -filter_complex '[0:v]split[a][b];[a]hflip[c];[b][c]hstack,scale=400:-2,hue=h=90' -threads 2 -an \
        -c:v ffv1 -slices 4 -fflags +bitexact -flags +bitexact turned.nut
    tiered $quiet -i turned.nut -f framemd5 - | md5sum
    tiered $quiet -i made.mkv -ss 1 -t 1 -f image2 -c:v png frame%03d.png && ls frame*.png | wc -l
    tiered ffprobe -hide_banner -loglevel error -show_entries stream=codec_name,width,nb_read_packets -count_packets -of csv made.mkv
    head -c 60000 made.mkv >damaged.mkv
    tiered ffmpeg -nostdin -hide_banner -loglevel quiet -i damaged.mkv -f null - ; echo "status $?"
    tiered $quiet -i missing.mkv out.mkv; echo "status $?"
}
